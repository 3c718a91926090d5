// Questions to the server, asked again when something has changed, and what it is told to do.

import {useEffect, useState} from "preact/hooks";

export async function ask(path, about = {}) {
  const query = new URLSearchParams(Object.entries(about).filter(([, value]) => value != null));
  return content(await fetch(`api/${path}?${query}`));
}

export async function send(method, path, body) {
  const told = body && {headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)};
  return content(await fetch(`api/${path}`, {method, ...told}));
}

async function content(answer) {
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
}

/** {content, error} of a question; `stamp` is what makes it out of date. */
export function useAnswer(path, about, stamp) {
  const [answer, setAnswer] = useState({});
  const question = JSON.stringify([path, about]);
  useEffect(() => {
    let wanted = true;
    ask(path, about).then(
      (content) => wanted && setAnswer({content, question}),
      (error) => wanted && setAnswer({error: error.message, question}),
    );
    return () => { wanted = false; };
  }, [question, stamp]);
  return answer.question === question ? answer : {};
}
