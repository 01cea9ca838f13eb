/** Whether the user is looking at the page. Belongs to the device, not to a session. */

class Attention {
  isThere = $state(false);

  constructor() {
    const update = (): void => void (this.isThere = document.visibilityState === "visible" && document.hasFocus());
    for (const name of ["focus", "blur", "pageshow"]) addEventListener(name, update);
    document.addEventListener("visibilitychange", update);
    update();
  }
}

export const attention = new Attention();
