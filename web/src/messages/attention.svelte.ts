/** Whether somebody looks at the page. Of the device. */

class Attention {
  isThere = $state(false);

  constructor() {
    const look = (): void => void (this.isThere = document.visibilityState === "visible" && document.hasFocus());
    for (const name of ["focus", "blur", "pageshow"]) addEventListener(name, look);
    document.addEventListener("visibilitychange", look);
    look();
  }
}

export const attention = new Attention();
