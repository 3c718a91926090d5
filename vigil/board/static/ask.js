// Questions to the server, asked again when something has changed.

import {useEffect, useState} from "preact/hooks";

export async function ask(path, about = {}) {
  const query = new URLSearchParams(Object.entries(about).filter(([, value]) => value != null));
  const answer = await fetch(`api/${path}?${query}`);
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error);
  return content;
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
