// Every page works without this script. It adds keys to lists, and asks before a tab
// with unsaved words is left.

// Lists: j and k move, o opens. A page names its own keys with data-key on a link or button.
const typing = (e) => e.target.closest("input, textarea, select, [contenteditable]") || e.ctrlKey || e.metaKey || e.altKey;
document.addEventListener("keydown", (e) => {
  if (typing(e)) return;
  const rows = [...document.querySelectorAll(".row__subj a")];
  const at = rows.indexOf(document.activeElement);
  if (rows.length && (e.key === "j" || e.key === "k")) {
    const to = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + (e.key === "j" ? 1 : -1)))];
    to.focus();
    e.preventDefault();
    return;
  }
  if (e.key === "o" && at >= 0) {
    rows[at].click();
    return;
  }
  const act = [...document.querySelectorAll("[data-key]")].find((el) => el.dataset.key === e.key);
  if (act) {
    act.focus();
    act.click();
    e.preventDefault();
  }
});

// A form is sent once.
document.addEventListener("submit", (e) => {
  const form = e.target;
  if (form.method !== "post" || form.dataset.many !== undefined) return;
  if (form.dataset.sent) {
    e.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  setTimeout(() => delete form.dataset.sent, 5000);
});

// Escape folds what was unfolded, and leads back to what unfolded it.
document.addEventListener("keydown", (e) => {
  if (e.key !== "Escape" || e.defaultPrevented) return;
  const open = e.target.closest("details[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});
