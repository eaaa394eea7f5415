// Citations: a card beside the pointer, the source in the panel. Without this they are plain links to the same pages.
(() => {
  const { find, said, showPanel, copyText, theme } = briefqa;
  const SECONDS_BEFORE_CARD = 0.15;
  const card = Object.assign(document.createElement("div"), { id: "bq-card" });
  const SOURCES = ".bq-cite, .bq-source";
  let waiting = 0;
  let current = null; // the link whose source is shown: what is written anew under it is marked again

  briefqa.keepCurrent = () => {
    if (!current || (find(".bq-current") && find("#bq-reader.bq-open"))) return;
    const link = document.querySelectorAll(SOURCES)[current.place];
    if (link?.getAttribute("href") !== current.href) return;
    if (find("#bq-reader.bq-open")) link.classList.add("bq-current");
    else if (find("#bq-reader")) openSource(link); // written anew, in another language
  };

  function openSource(link) {
    const frame = find("#bq-frame");
    const next = frame.cloneNode(); // a new frame: no step in the history, and a second click scrolls again
    next.src = link.href;
    next.style.colorScheme = theme();
    next.addEventListener("load", () => next.contentDocument?.querySelector("mark")?.scrollIntoView({ block: "center" }));
    frame.replaceWith(next);
    find("#bq-open").href = link.href;
    find("#bq-section").textContent = link.dataset.where?.split(" › ").slice(1).join(" › ") ?? link.querySelector(".bq-heading")?.textContent.replace("› ", "") ?? "";
    const copy = find("#bq-copy-citation");
    copy.dataset.citation = link.dataset.citation ?? "";
    copy.hidden = !link.dataset.citation;
    document.querySelectorAll(".bq-current").forEach((old) => old.classList.remove("bq-current"));
    link.classList.add("bq-current");
    const place = [...document.querySelectorAll(SOURCES)].indexOf(link);
    current = { href: link.getAttribute("href"), place };
    find("#bq-reader").classList.add("bq-open");
  }

  function line(style, text) {
    const shown = document.createElement("p");
    shown.className = style;
    shown.textContent = text;
    return shown;
  }

  function showCard(link) {
    const { where, date, quote } = link.dataset;
    card.replaceChildren(line("bq-card-where", where ?? ""), line("bq-card-date", date ?? ""), line("bq-card-quote", quote ?? ""));
    document.body.append(card);
    const box = link.getBoundingClientRect();
    const size = card.getBoundingClientRect();
    const above = box.top - size.height - 8;
    card.style.left = `${Math.max(8, Math.min(box.left, innerWidth - size.width - 8))}px`;
    card.style.top = `${above > 8 ? above : box.bottom + 8}px`;
  }

  function hideCard() {
    clearTimeout(waiting);
    card.remove();
  }

  document.addEventListener("pointerover", (event) => {
    const link = event.target.closest?.(".bq-cite");
    hideCard();
    if (link && event.pointerType === "mouse") waiting = setTimeout(showCard, SECONDS_BEFORE_CARD * 1000, link);
  });
  document.addEventListener("focusin", (event) => {
    hideCard();
    if (event.target.matches(".bq-cite:focus-visible")) showCard(event.target);
  });
  document.addEventListener("focusout", hideCard);
  document.addEventListener("scroll", hideCard, true);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hideCard());

  document.addEventListener("click", (event) => {
    hideCard();
    const link = event.target.closest(".bq-cite, .bq-source");
    if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey && find("#bq-frame")) {
      event.preventDefault();
      openSource(link);
      showPanel("source", link);
    } else if (event.target.closest("#bq-copy-citation")) {
      copyText(event.target.dataset.citation, event.target);
    }
  });
})();
