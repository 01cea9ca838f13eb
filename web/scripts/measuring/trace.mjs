// The activity of a page's main thread during an action, from the browser's trace.

const CATEGORIES = [
  "toplevel",
  "blink.user_timing",
  "devtools.timeline",
  "disabled-by-default-devtools.timeline.frame",
];
const MARK = "measured page";
const LONG_MS = 50;

/** Returns the main thread's tasks during `act`, and the number of late frames. Times are in milliseconds. */
export async function trace(page, act) {
  const cdp = await page.context().newCDPSession(page);
  const events = [];
  cdp.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  await cdp.send("Tracing.start", { transferMode: "ReportEvents", categories: CATEGORIES.join() });
  try {
    await act();
    await page.evaluate((mark) => void performance.mark(mark), MARK);
  } finally {
    const complete = new Promise((resolve) => cdp.once("Tracing.tracingComplete", resolve));
    await cdp.send("Tracing.end");
    await complete;
    await cdp.detach();
  }
  return summed(events);
}

function summed(events) {
  const mark = events.find(({ name }) => name === MARK);
  const isOurs = ({ pid, tid }) => pid === mark.pid && tid === mark.tid;
  const tasks = events.filter((event) => isOurs(event) && event.name.endsWith("RunTask") && event.dur !== undefined);
  const cpu = tasks.map(({ tdur = 0 }) => tdur / 1000);
  const wall = tasks.map(({ dur }) => dur / 1000);
  const frames = (kind) => events.filter(({ name, pid }) => name === kind && pid === mark.pid).length;
  return {
    cpu: cpu.reduce((sum, one) => sum + one, 0),
    longestCpu: Math.max(0, ...cpu),
    longestWall: Math.max(0, ...wall),
    longCpu: cpu.filter((one) => one > LONG_MS).length,
    longWall: wall.filter((one) => one > LONG_MS).length,
    frames: frames("DrawFrame"),
    dropped: frames("DroppedFrame"),
  };
}

/** Profiles the page's scripts during `act`. The browser's developer tools can open the result. */
export async function recordProfile(page, act) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Profiler.enable");
  await cdp.send("Profiler.setSamplingInterval", { interval: 200 });
  await cdp.send("Profiler.start");
  await act();
  const { profile } = await cdp.send("Profiler.stop");
  await cdp.detach();
  return profile;
}
