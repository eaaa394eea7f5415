// New briefs: files that are chosen or dropped are sent one by one, and nothing is overwritten before somebody said so.
(() => {
  const { find, said } = briefqa;

  async function send(file, replace) {
    const address = `upload?name=${encodeURIComponent(file.name)}&replace=${replace ? 1 : 0}`;
    try {
      const headers = { "Content-Type": "application/octet-stream" };
      return await (await fetch(address, { method: "POST", headers, body: file })).json();
    } catch {
      return { name: file.name, words: said("uploadFailed"), reason: "failed", problems: [] };
    }
  }

  async function add(file, replace, item) {
    const told = await send(file, replace);
    const warnings = told.reason ? [] : told.problems.map(({ path, line, message }) => `${path}${line ? `:${line}` : ""}: ${message}`);
    item.textContent = [told.words, ...warnings].join(" ");
    item.className = told.reason ? "bq-refused" : "";
    if (!told.reason) find("#bq-compare").click(); // what changed since the last build
    if (told.reason === "exists") {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: said("replace") });
      button.addEventListener("click", () => add(file, true, item));
      item.append(" ", button);
    }
  }

  async function addAll(files) {
    for (const file of files) {
      const item = document.createElement("li");
      find("#bq-uploads").append(item);
      await add(file, false, item);
    }
  }

  document.addEventListener("change", (event) => {
    if (!event.target.closest(".bq-upload")) return;
    addAll([...event.target.files]);
    event.target.value = "";
  });

  const zone = (event) => find(".bq-upkeep") && event.target.closest?.("#bq-briefs");
  for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(type, (event) => {
      const briefs = zone(event);
      if (!briefs || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      briefs.classList.toggle("bq-dropping", type === "dragenter" || type === "dragover");
      if (type === "drop") addAll([...event.dataTransfer.files]);
    });
  }
})();
