{
  // A dispatch that stays in view for two seconds is marked as read, as its button would.
  const read = document.querySelector("form[data-read]");
  if (read) {
    let timer = 0;
    const look = () => {
      clearTimeout(timer);
      if (document.visibilityState !== "visible") return;
      timer = setTimeout(async () => {
        document.removeEventListener("visibilitychange", look);
        try {
          const answer = await fetch(read.action, { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams() });
          if (!answer.ok) return;
        } catch {
          return; // the button is still there
        }
        const said = document.createElement("p");
        said.className = "quiet";
        said.setAttribute("role", "status");
        said.textContent = read.dataset.read;
        read.replaceWith(said);
      }, 2000);
    };
    document.addEventListener("visibilitychange", look);
    look();
  }
  for (const button of document.querySelectorAll("button[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }
  // In a list, t takes the row that is pointed at for action.
  document.addEventListener("keydown", async (e) => {
    if (e.key !== "t" || e.ctrlKey || e.metaKey || e.altKey) return;
    const row = document.activeElement?.closest("[data-take]");
    if (!row) return;
    e.preventDefault();
    const answer = await fetch(row.dataset.take, { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams() });
    if (answer.ok) location.reload();
    else location.assign(row.querySelector("a").href);
  });
}
