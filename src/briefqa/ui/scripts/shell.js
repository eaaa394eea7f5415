// The page around a conversation: theme, language, the list of conversations, the panel, menus, the address, what is new.
// The scripts share `briefqa`; what they say comes from data-… attributes of the bar on top.
const briefqa = (() => {
  const find = (selector) => document.querySelector(selector);
  const said = (name) => find("#bq-top header")?.dataset[name] ?? "";
  const narrow = matchMedia("(max-width: 860px)");
  const dusk = matchMedia("(prefers-color-scheme: dark)");
  const SECONDS_BETWEEN_NEWS = 15;

  // Theme: as the system has it, light or dark; kept in the browser.
  const THEMES = ["auto", "light", "dark"];
  const stored = (name, value) => {
    try { // a browser may refuse to keep anything
      if (value !== undefined) localStorage.setItem(name, value);
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  };
  let theme = THEMES.includes(stored("briefqa-theme")) ? stored("briefqa-theme") : "auto";

  function showTheme() {
    const dark = theme === "dark" || (theme === "auto" && dusk.matches);
    if (document.body && document.body.classList.contains("dark") !== dark) document.body.classList.toggle("dark", dark);
    const frame = find("#bq-frame");
    if (frame && frame.style.colorScheme !== (dark ? "dark" : "light")) frame.style.colorScheme = dark ? "dark" : "light";
    const button = find("#bq-theme");
    const words = said({ auto: "themeAuto", light: "themeLight", dark: "themeDark" }[theme]);
    if (button && button.textContent !== words) button.textContent = words;
  }
  dusk.addEventListener("change", showTheme);

  function keepLanguage(language) {
    const folder = location.pathname.replace(/[^/]*$/, "");
    document.cookie = `briefqa_language=${language}; path=${folder}; max-age=31536000; SameSite=Lax`;
  }

  // What lies over the page: the list of conversations, on a phone the panel too. The rest can be reached again after it.
  const covers = { "#bq-drawer": ["#bq-talk", "#bq-panel", "#bq-top"], "#bq-panel": ["#bq-talk", "#bq-drawer", "#bq-top"] };
  let covering = "";
  let opener = null;

  function cover(selector, from, first) {
    covering = selector;
    opener = from;
    find(selector).classList.add("bq-shown");
    covers[selector].forEach((other) => (find(other).inert = true));
    find(first)?.focus();
    if (from?.getAttribute("aria-expanded")) from.setAttribute("aria-expanded", "true");
  }

  function uncover() {
    if (!covering) return;
    find(covering).classList.remove("bq-shown");
    covers[covering].forEach((other) => (find(other).inert = false));
    covering = "";
    if (opener?.getAttribute("aria-expanded")) opener.setAttribute("aria-expanded", "false");
    if (opener?.isConnected) opener.focus();
    else find("#bq-question textarea").focus();
    opener = null;
  }

  function showTab(name) {
    const panel = find("#bq-panel");
    panel.dataset.tab = name;
    panel.querySelectorAll("[role=tab]").forEach((tab) => {
      tab.setAttribute("aria-selected", String(tab.dataset.tab === name));
      tab.tabIndex = tab.dataset.tab === name ? 0 : -1;
    });
  }

  function showPanel(tab, from) {
    showTab(tab);
    if (narrow.matches && covering !== "#bq-panel") cover("#bq-panel", from, "#bq-close");
  }

  // What is unfolded in a turn stays so when Gradio writes that turn anew, which folds it.
  const unfolded = new Map(); // with its turn: what Gradio writes next may make another turn's of it
  const turnOf = (details) => details.closest("[data-turn]")?.dataset.turn;
  function fold(details) {
    unfolded.delete(details);
    details.open = false;
  }
  document.addEventListener("click", (event) => unfolded.delete(event.target.closest("summary")?.parentElement), true);
  document.addEventListener("toggle", ({ target }) => {
    if (target.open) unfolded.set(target, turnOf(target));
    else unfolded.delete(target);
  }, true);

  // Menus close when anything else is clicked or focused.
  function closeMenu(menu) {
    fold(menu);
    menu.querySelector("summary").focus();
  }

  function closeOtherMenus(event) {
    const own = event.target.closest(".bq-menu");
    document.querySelectorAll(".bq-menu[open]").forEach((menu) => menu !== own && fold(menu));
  }

  async function copyText(text, button) {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
    } else { // plain http to another machine has no clipboard
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const words = button.textContent;
    if (words === said("copied")) return;
    button.textContent = said("copied");
    setTimeout(() => (button.textContent = words), 1500);
  }

  // Clicks that mean something before Gradio hears of them: the first click on what must be sure, a language.
  document.addEventListener("click", (event) => {
    const sure = event.target.closest("[data-sure]");
    if (sure && !sure.classList.contains("bq-sure")) {
      event.stopPropagation();
      const words = sure.textContent;
      sure.classList.add("bq-sure");
      sure.textContent = said("deleteSure");
      setTimeout(() => {
        sure.classList.remove("bq-sure");
        sure.textContent = words;
      }, 4000);
    }
    const language = event.target.closest(".bq-language");
    if (language) keepLanguage(language.lang);
  }, true);

  document.addEventListener("click", (event) => {
    closeOtherMenus(event);
    if (covering === "#bq-drawer" && !event.composedPath().includes(find("#bq-drawer"))) uncover();
    const button = event.target.closest("button");
    if (!button) return;
    if (button.id === "bq-conversations") cover("#bq-drawer", button, "#bq-close-drawer");
    else if (button.matches("#bq-close-drawer, #bq-close")) uncover();
    else if (button.matches("#bq-drawer .bq-open, #bq-drawer .bq-new")) uncover();
    else if (button.id === "bq-open-briefs") showPanel("briefs", button);
    else if (button.matches("[role=tab]")) showTab(button.dataset.tab);
    else if (button.classList.contains("bq-rename")) rename(button.parentElement);
    else if (button.id === "bq-theme") {
      theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
      stored("briefqa-theme", theme);
      showTheme();
    } else if (button.closest(".bq-menu .bq-format")) closeMenu(button.closest(".bq-menu"));
  });

  function rename(item) {
    const form = item.querySelector("form");
    form.hidden = !form.hidden;
    if (!form.hidden) form.querySelector("input").select();
  }

  document.addEventListener("focusin", closeOtherMenus);
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("[role=tab]") && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
      const other = [...find(".bq-tabs").querySelectorAll("[role=tab]")].find((tab) => tab !== event.target);
      showTab(other.dataset.tab);
      other.focus();
    }
    if (event.key !== "Escape") return;
    const menu = find(".bq-menu[open]");
    const form = event.target.closest("#bq-drawer form");
    if (menu) closeMenu(menu);
    else if (form) {
      form.hidden = true;
      form.parentElement.querySelector(".bq-rename").focus();
    } else uncover();
  });

  // What a new build or new articles mean for an open page.
  async function tellNews() {
    const bar = find("#bq-news");
    if (!bar || document.hidden) return;
    try {
      const answer = await fetch(`news?generation=${said("generation")}`);
      const news = await answer.json();
      if (bar.textContent !== news.words) bar.textContent = news.words;
    } catch {
      // the server is gone; the next question says so
    }
  }
  setInterval(tellNews, SECONDS_BETWEEN_NEWS * 1000);
  document.addEventListener("visibilitychange", tellNews);

  // Gradio writes into the page when it likes; what depends on that is brought in line here.
  let shown = {};
  let focused = { selector: "", element: null };
  const same = (element) => {
    const { event, turn, field, value, conversation, rating } = element.dataset;
    const named = Object.entries({ event, turn, field, value, conversation, rating }).filter(([, text]) => text !== undefined);
    return element.id ? `#${element.id}` : named.map(([name, text]) => `[data-${name}="${CSS.escape(text)}"]`).join("");
  };
  document.addEventListener("focusin", (event) => (focused = { selector: event.target.matches("[data-event], [id]") ? same(event.target) : "", element: event.target }));

  function follow() {
    showTheme();
    if (covering && !find(`${covering}.bq-shown`)) find(covering)?.classList.add("bq-shown");
    const language = said("language");
    if (language && document.documentElement.lang !== language) document.documentElement.lang = language;
    if (find(".bq-tabs") && !find("#bq-panel").dataset.tab) showTab("briefs");
    else if (find(".bq-tabs") && !find(".bq-tabs [aria-selected=true]")) showTab(find("#bq-panel").dataset.tab);
    if (said("generation") !== shown.generation) {
      shown.generation = said("generation");
      tellNews();
    }
    const talk = find("#bq-now [data-conversation]");
    if (talk && talk.dataset.conversation !== shown.conversation) {
      if (shown.conversation !== undefined || talk.dataset.conversation) {
        const key = talk.dataset.conversation;
        history.replaceState(history.state, "", key ? `?c=${encodeURIComponent(key)}` : location.pathname);
      }
      shown.conversation = talk.dataset.conversation;
    }
    unfolded.forEach((turn, details) => {
      if (turn && !details.open && turn === turnOf(details)) details.open = true;
    });
    briefqa.keepCurrent?.();
    // What had the focus and was written anew gets it back.
    if (focused.selector && document.activeElement === document.body && !focused.element.isConnected) {
      find(focused.selector)?.focus({ preventScroll: true });
    }
  }
  new MutationObserver(follow).observe(document.documentElement, {
    childList: true,
    subtree: true,
    attributes: true,
    attributeFilter: ["class", "open"],
  });

  return { find, said, showPanel, copyText, theme: () => (document.body.classList.contains("dark") ? "dark" : "light") };
})();
