// Where the page is: the part of the address after "#", so that every view has a link.

import {useEffect, useState} from "preact/hooks";

function read() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, id] = path.split("/");
  return {view: view || "estate", id: id && decodeURIComponent(id), about: new URLSearchParams(query)};
}

export function link(view, id, about = {}) {
  // A list is a name given several times.
  const named = Object.entries(about).flatMap(([name, value]) => [value].flat().map((item) => [name, item]));
  const query = new URLSearchParams(named.filter(([, value]) => value != null));
  const place = id == null ? view : `${view}/${encodeURIComponent(id)}`;
  return `#/${place}${query.size ? `?${query}` : ""}`;
}

export function useRoute() {
  const [route, setRoute] = useState(read);
  useEffect(() => {
    const moved = () => {
      // A link to a place on the page is not a view.
      if (location.hash === "" || location.hash.startsWith("#/")) setRoute(read());
    };
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return route;
}
