// Markup without a build step: htm's tagged templates on Preact.

import htm from "htm";
import {h} from "preact";

export const html = htm.bind(h);
