/** Texts of attackers that try to run code. A payload that runs calls the canary (`problems.ts`) with its number. */

const call = (number: number): string => `injected(${number})`;

type Make = (call: string) => string;

/** Short enough for a name. */
const SHORT: Make[] = [
  (run) => `<script>${run}</script>`,
  (run) => `<b onfocus=${run} autofocus>`,
  (run) => `javascript:${run}`,
  (run) => `"><svg onload=${run}>`,
  (run) => `'onclick=${run}//`,
  (run) => `{{${run}}}`,
  (run) => "${" + run + "}",
  (run) => `<svg/onload=${run}>`,
  (run) => `[a](javascript:${run})`,
  (run) => `{@html ${run}}`,
  (run) => `\`;${run};//`,
  (run) => `</title><a ${run}>`,
];

const LONG: Make[] = [
  (run) => `<img src=x onerror=${run}>`,
  (run) => `<IMG SRC="x" ONERROR="${run}">`,
  (run) => `<img/src='x'/onerror='${run}'>`,
  (run) => `<img src=x onerror\n=\n"${run}">`,
  (run) => `<body onload=${run}>`,
  (run) => `<iframe src="javascript:${run}"></iframe>`,
  (run) => `<iframe srcdoc="<script>parent.${run}</script>"></iframe>`,
  (run) => `<object data="javascript:${run}"></object>`,
  (run) => `<embed src="javascript:${run}">`,
  (run) => `<details open ontoggle=${run}><summary>x</summary></details>`,
  (run) => `<video><source onerror=${run}></video>`,
  (run) => `<audio src=x onerror=${run}>`,
  (run) => `<input autofocus onfocus=${run}>`,
  (run) => `<select autofocus onfocus=${run}></select>`,
  (run) => `<textarea autofocus onfocus=${run}></textarea>`,
  (run) => `<marquee onstart=${run}>x</marquee>`,
  (run) => `<svg><script>${run}</script></svg>`,
  (run) => `<svg><animate onbegin=${run} attributeName=x dur=1s>`,
  (run) => `<svg><a xlink:href="javascript:${run}"><text y=20>x</text></a></svg>`,
  (run) => `<math href="javascript:${run}">x</math>`,
  (run) =>
    `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=${run}&gt;"></style></table></mtext></math>`,
  (run) => `<noscript><p title="</noscript><img src=x onerror=${run}>"></noscript>`,
  (run) => `<template><script>${run}</script></template><img src=x onerror=${run}>`,
  (run) => `<a href="javascript:${run}" autofocus>x</a>`,
  (run) => `<a href="jav&#x09;ascript:${run}">x</a>`,
  (run) => `<a href=" &#14; javascript:${run}">x</a>`,
  (run) => `<form action="javascript:${run}"><button>x</button></form>`,
  (run) => `<button formaction="javascript:${run}" form=x>x</button>`,
  (run) => `<link rel=stylesheet href="data:text/css,*{background:url('javascript:${run}')}">`,
  (run) => `<meta http-equiv=refresh content="0;url=javascript:${run}">`,
  (run) => `<base href="javascript:${run}//">`,
  (run) => `<style>@import 'javascript:${run}';</style>`,
  (run) => `<div style="width:expression(${run})">x</div>`,
  (run) => `<div id=x tabindex=0 onfocusin=${run}>x</div>`,
  (run) => `<xss style="animation:a" onanimationstart=${run}>x</xss>`,
  (run) => `[link](javascript:${run})`,
  (run) => `[link](JaVaScRiPt:${run})`,
  (run) => `[link](  javascript:${run} "title")`,
  (run) => `[link](java\tscript:${run})`,
  (run) => `[link](data:text/html,<script>opener.${run}</script>)`,
  (run) => `[link](vbscript:${run})`,
  (run) => `[link](https://example.com/"onmouseover="${run}")`,
  (run) => `![image](x"onerror="${run})`,
  (run) => `![image](javascript:${run})`,
  (run) => `<javascript:${run}>`,
  (run) => `https://example.com/"onclick="${run}"x="`,
  (run) => `https://example.com/<img src=x onerror=${run}>`,
  (run) => `\`<img src=x onerror=${run}>\``,
  (run) => "```html\n<img src=x onerror=" + run + ">\n```",
  (run) => '```"onclick="' + run + "\nx\n```",
  (run) => `**<img src=x onerror=${run}>** _<svg onload=${run}>_`,
  (run) => `> <img src=x onerror=${run}>\n> quoted`,
  (run) => `- <svg onload=${run}>\n- [x](javascript:${run})`,
  (run) => `&lt;img src=x onerror=${run}&gt;`,
  (run) => `\\u003cimg src=x onerror=${run}\\u003e`,
  (run) => `%3Cimg%20src%3Dx%20onerror%3D${run}%3E`,
  (run) => `<img src=x onerror=&#105;njected(${run})>`,
  (run) => `\u202e<svg onload=${run}>\u202c`,
  (run) => `<scr\u0000ipt>${run}</scr\u0000ipt><script >${run}</script >`.replaceAll("\u0000", "\ufffd"),
  (run) => `<!--><img src=x onerror=${run}>-->`,
  (run) => `{"__proto__":{"innerHTML":"<img src=x onerror=${run}>"}}`,
  (run) => `{{constructor.constructor('${run}')()}} \${${run}} #{${run}} <%= ${run} %>`,
  (run) => `@tom<img src=x onerror=${run}> :smile"onerror=${run}:`,
];

/** Payloads that fit into a name of 32 characters. */
export const SHORT_PAYLOADS = SHORT.map((make, index) => make(call(index + 1)));

export const PAYLOADS = [...SHORT, ...LONG].map((make, index) => make(call(index + 1)));
