/** What is loaded once a conversation has been drawn: see later.svelte.ts. */

export { default as AboutBar } from "../composer/AboutBar.svelte";
export { default as Attached } from "../composer/Attached.svelte";
export { default as AttachLink } from "../composer/AttachLink.svelte";
export { Completing } from "../composer/completing.svelte.js";
export { default as EmojiPopover } from "../composer/EmojiPopover.svelte";
export { filesDeclined } from "../composer/files.js";
export { linked, marked } from "../composer/marking.js";
export { Members } from "../composer/members.js";
export { mentionsIn } from "../composer/naming.js";
export { default as Suggestions } from "../composer/Suggestions.svelte";
export { default as Notices } from "../design/Notices.svelte";
export { default as AboutMessage } from "../messages/AboutMessage.svelte";
export { copying } from "../messages/copying.js";
export { default as Day } from "../messages/Day.svelte";
export { default as Heard } from "../messages/Heard.svelte";
export { default as Media } from "../messages/Media.svelte";
export { default as Newest } from "../messages/Newest.svelte";
export { default as Quote } from "../messages/Quote.svelte";
export { default as Reactions } from "../messages/Reactions.svelte";
export { default as Toolbar } from "../messages/Toolbar.svelte";
export { default as Typing } from "../messages/Typing.svelte";
export { walk } from "../messages/walking.js";
export { default as Panel } from "../side/Panel.svelte";
export { default as CodeBlock } from "../text/CodeBlock.svelte";
export { default as Place } from "../text/Place.svelte";
export { placeOf } from "../text/places.js";
export { default as Banner } from "../workspace/Banner.svelte";
