{
  // The account behind a handle is shown while it is typed; without this the button does it.
  const form = document.querySelector("form[data-lookup]");
  if (form) {
    const who = form.elements.who, actor = form.elements.actor, card = form.querySelector("[data-card]"), button = form.querySelector("[data-send]");
    let timer = 0, asked = who.value.trim(), round = 0;
    const look = async (handle) => {
      const mine = ++round;
      let found = null;
      try {
        const answer = await fetch(form.dataset.lookup, { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams({ who: handle, role: form.elements.role.value, ceiling: form.elements.ceiling.value }) });
        found = await answer.json();
      } catch {
        return; // the button is still there
      }
      if (mine !== round) return; // she has typed on
      actor.value = found.actor || "";
      if (found.role) form.elements.role.value = found.role;
      if (found.ceiling) form.elements.ceiling.value = found.ceiling;
      button.textContent = found.may ? button.dataset.send : button.dataset.next;
      if (found.card) card.innerHTML = found.card; // made and escaped by our own server
      else card.textContent = found.detail || "";
    };
    who.addEventListener("input", () => {
      const handle = who.value.trim();
      if (handle === asked) return;
      asked = handle;
      round++;
      clearTimeout(timer);
      actor.value = "";
      button.textContent = button.dataset.next;
      card.textContent = "";
      if (/^@?[^@\s]+@[^@\s]+\.[^@\s.]{2,}$/.test(handle)) timer = setTimeout(look, 700, handle);
    });
  }
}
