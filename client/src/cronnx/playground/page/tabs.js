/**
 * Tabs as WAI-ARIA describes them: arrow keys, Home and End move between them, Tab leaves them.
 */

/**
 * Make tabs of a tab list whose tabs name their panels.
 *
 * @param {HTMLElement} list
 * @returns {{hide: function(HTMLElement, boolean): void}} Hides or shows a tab.
 */
export function makeTabs(list) {
  const tabs = [...list.querySelectorAll('[role="tab"]')];
  const visible = () => tabs.filter((tab) => !tab.hidden);
  let wanted = tabs[0];

  /** Select the tab that the user wants, or another one while that is hidden. */
  function update() {
    select(wanted.hidden ? visible()[0] : wanted);
  }

  function select(chosen) {
    for (const tab of tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !isChosen;
    }
  }

  list.addEventListener("click", (event) => {
    const tab = event.target.closest('[role="tab"]');
    if (!tab) return;
    wanted = tab;
    update();
  });
  list.addEventListener("keydown", (event) => {
    const all = visible();
    const place = all.indexOf(event.target);
    const next = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: all.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    wanted = all.at(next % all.length);
    update();
    wanted.focus();
  });
  update();

  return {
    hide(tab, isHidden) {
      tab.hidden = isHidden;
      update();
    },
  };
}
