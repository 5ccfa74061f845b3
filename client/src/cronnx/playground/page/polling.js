/**
 * Asking the server again and again while somebody looks.
 */

const PERIOD_MS = 2000;

/**
 * Call a function every two seconds while the page is visible, and at once when it becomes so.
 *
 * @param {function(): Promise<void>} refresh It is not called again before it is done.
 * @returns {function(): Promise<void>} Calls the function now.
 */
export function poll(refresh) {
  let timer;
  let running = null;

  function now() {
    clearTimeout(timer);
    running ??= refresh().finally(() => {
      running = null;
      if (!document.hidden) timer = setTimeout(now, PERIOD_MS);
    });
    return running;
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else now();
  });
  return now;
}
