/** Makes a component from an icon's path. The build replaces Lucide's components with calls of it. */

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
