// A value that components share; they are drawn again when it changes.

import {useEffect, useReducer} from "preact/hooks";

export function store(value) {
  const listeners = new Set();
  return {
    get: () => value,
    set(next) {
      value = next;
      listeners.forEach((listener) => listener());
    },
    use() {
      const [, again] = useReducer((n) => n + 1, 0);
      const drawn = value;
      useEffect(() => {
        listeners.add(again);
        // It may have changed before anybody listened.
        if (value !== drawn) again();
        return () => listeners.delete(again);
      }, []);
      return value;
    },
  };
}
