/** Types and a wrapper for virtua's core, which comes without types: it stores row sizes and the scroll position. */

import * as core from "virtua/unstable_core";

export type Align = "start" | "center" | "end" | "nearest";
export type Range = [first: number, last: number];

/** The sizes of the rows measured so far. */
interface Layout {
  $findIndex(offset: number): number;
  $getLength(): number;
  /** Whether the row has yet to be measured. */
  $isSizeEqual(index: number): boolean;
}

interface Store {
  $getStateVersion(): unknown;
  $getRange(bufferSize?: number): Range;
  $getItemOffset(index: number): number;
  $getScrollOffset(): number;
  $getStartSpacerSize(): number;
  $getTotalSize(): number;
  $getViewportSize(): number;
  $isScrolling(): boolean;
  $subscribe(what: number, listener: () => void): () => void;
  $update(what: number, length: number, grewAtStart?: boolean): void;
  $dispose(): void;
}

interface Driver {
  $observe(container: HTMLElement, scroller?: HTMLElement): void;
  $observeItem(row: HTMLElement, index: number): () => void;
  /** Must be called after the rows were rendered. */
  $effect(): void;
  $scroll(index: number, options: { align: Align }): void;
  $dispose(): void;
}

/** The interface of a list that is on the screen. */
export interface ListHandle {
  findItemIndex(offset: number): number;
  getScrollOffset(): number;
  getScrollSize(): number;
  getViewportSize(): number;
  scrollToIndex(index: number, options: { align: Align }): void;
}

export interface Listeners {
  drawn: () => void;
  scrolled: () => void;
  rested: () => void;
  resized: () => void;
}

export class Virtual implements ListHandle {
  readonly layout: Layout;
  readonly store: Store;
  readonly driver: Driver;

  constructor(length: number, rowSize: number | undefined, listeners: Listeners) {
    this.layout = core.createListLayout(length, rowSize) as Layout;
    const store: Store = core.createVirtualStore(this.layout) as Store;
    this.store = store;
    this.driver = core.createContainerDriver(store, this.layout, false) as Driver;
    store.$subscribe(core.UPDATE_VIRTUAL_STATE, listeners.drawn);
    store.$subscribe(core.UPDATE_SCROLL_EVENT, listeners.scrolled);
    store.$subscribe(core.UPDATE_SCROLL_END_EVENT, listeners.rested);
    store.$subscribe(core.UPDATE_SIZE_EVENT, listeners.resized);
  }

  grow(length: number, isAtStart: boolean): void {
    this.store.$update(core.ACTION_ITEMS_LENGTH_CHANGE, length, isAtStart);
  }

  findItemIndex(offset: number): number {
    return this.layout.$findIndex(offset - this.store.$getStartSpacerSize());
  }

  getScrollOffset(): number {
    return this.store.$getScrollOffset();
  }

  getScrollSize(): number {
    return core.getScrollSize(this.store) as number;
  }

  getViewportSize(): number {
    return this.store.$getViewportSize();
  }

  scrollToIndex(index: number, options: { align: Align }): void {
    this.driver.$scroll(index, options);
  }

  dispose(): void {
    this.store.$dispose();
    this.driver.$dispose();
  }
}
