/** Makes a component of a sign's path. What the build puts in place of Lucide's components calls it. */

import type { Component } from "svelte";
import Icon from "./Icon.svelte";

interface Props {
  size?: number | string;
  "aria-label"?: string;
}

export function icon(path: string): Component<Props> {
  return (anchor, props) =>
    Icon(anchor, {
      path,
      get size() {
        return props.size;
      },
      get "aria-label"() {
        return props["aria-label"];
      },
    });
}
