/** How much work something is: the time that the processor spends on it, whatever else it has to do meanwhile. */

/** In milliseconds. What takes time out of all proportion to its length shows in it as in a clock's. */
export function workOf(done: () => void): number {
  const began = process.cpuUsage();
  done();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}
