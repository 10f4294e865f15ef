// Tags and references are completed while they are typed: after tag: and ref: in a
// question, and each word of a list of tags. The list is a listbox under its field: down
// and up choose, Enter takes, Escape closes. Without this script the fields are plain.
for (const field of document.querySelectorAll("input[data-complete]")) {
  const list = document.createElement("ul");
  list.id = field.id + "-offers";
  list.className = "offers";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", field.dataset.offers);
  field.after(list);
  field.parentElement.classList.add("asks");
  field.autocomplete = "off";
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-expanded", "false"], ["aria-controls", list.id]]) field.setAttribute(name, value);

  // begun is what stands before the caret and is not whole yet: its kind, its text, and
  // where that begins.
  const begun = () => {
    const text = field.value.slice(0, field.selectionStart);
    if (field.dataset.complete === "tags") {
      const word = text.match(/[^\s,;،#]*$/)[0];
      return { of: "tag", text: word, from: text.length - word.length };
    }
    const found = text.match(/(?:^|\s)-?(tag|ref):\s*(?:["“«„]([^"”»“]*)|([^\s"“”«»„]*))$/i);
    if (!found) return null;
    const word = found[2] ?? found[3];
    return { of: found[1].toLowerCase(), text: word, from: text.length - word.length - (found[2] === undefined ? 0 : 1) };
  };
  let timer = 0, round = 0, at = -1;
  const mark = (to) => {
    at = to;
    [...list.children].forEach((o, i) => o.setAttribute("aria-selected", String(i === at)));
    if (at < 0) return field.removeAttribute("aria-activedescendant");
    field.setAttribute("aria-activedescendant", list.children[at].id);
    list.children[at].scrollIntoView({ block: "nearest" });
  };
  const close = () => {
    round++;
    clearTimeout(timer);
    mark(-1);
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
  };
  const take = (option) => {
    const b = begun();
    close();
    if (!b) return;
    const value = option.dataset.value, tags = field.dataset.complete === "tags";
    const word = (tags || /^[\p{L}\p{M}\p{N}_-]+$/u.test(value) ? value : `"${value.replaceAll('"', "")}"`) + (tags ? ", " : " ");
    field.setRangeText(word, b.from, field.selectionStart, "end");
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const show = (hits) => {
    list.replaceChildren(
      ...hits.map((h, i) => {
        const o = document.createElement("li"), name = document.createElement("bdi"), more = document.createElement("small");
        o.id = list.id + i;
        o.setAttribute("role", "option");
        o.dataset.value = name.textContent = h.value;
        more.textContent = h.text;
        more.dir = "auto";
        o.append(name, " ", more);
        return o;
      }),
    );
    mark(-1);
    list.hidden = !hits.length;
    field.setAttribute("aria-expanded", String(!list.hidden));
    list.style.insetBlockStart = field.offsetTop + field.offsetHeight + "px";
  };
  const look = async (b) => {
    const mine = ++round;
    const answer = await fetch("/search/complete?" + new URLSearchParams({ of: b.of, q: b.text }), { headers: { Accept: "application/json" } }).catch(() => null);
    const found = answer?.ok ? await answer.json().catch(() => null) : null;
    if (mine === round && document.activeElement === field) show(found?.hits ?? []);
  };
  field.addEventListener("input", () => {
    const b = begun();
    if (!b?.text) return close();
    clearTimeout(timer);
    timer = setTimeout(look, 200, b);
  });
  field.addEventListener("keydown", (e) => {
    const n = list.children.length;
    if (list.hidden || e.isComposing) return;
    if (e.key === "ArrowDown") mark((at + 1) % n);
    else if (e.key === "ArrowUp") mark(at < 1 ? n - 1 : at - 1);
    else if (e.key === "Enter" && at >= 0) take(list.children[at]);
    else if (e.key === "Escape") close();
    else return;
    e.preventDefault();
  });
  field.addEventListener("blur", close);
  list.addEventListener("pointerdown", (e) => e.preventDefault()); // the field keeps the focus
  list.addEventListener("click", (e) => {
    const option = e.target.closest("[role=option]");
    if (option) take(option);
  });
}
