// The editor of a draft. Without this script each paragraph is a form with a button.
{
  const draft = document.querySelector("[data-draft]");
  const json = { Accept: "application/json" };
  const post = async (url, data) => {
    const answer = await fetch(url, { method: "POST", headers: json, body: data instanceof FormData ? data : new URLSearchParams(data) });
    return { ok: answer.ok, status: answer.status, body: await answer.json().catch(() => ({})) };
  };

  if (draft) {
    const at = "/drafts/" + encodeURIComponent(draft.dataset.draft);
    let revision = Number(draft.dataset.revision);
    let here = "";
    const dirty = new Map(); // form -> timer
    const say = (form, text, bad) => {
      let p = form.querySelector("[data-said]");
      if (!p) {
        p = document.createElement("p");
        p.dataset.said = "";
        p.setAttribute("role", bad ? "alert" : "status");
        form.querySelector(".ed__b").append(p);
      }
      p.className = bad ? "red" : "quiet";
      p.textContent = text;
    };

    // What others have changed comes from the page itself; what is being typed stays.
    let looking = false;
    let behind = false; // a paragraph changes when its writer leaves it
    let missed = false; // something changed while the page was on its way
    const refresh = async () => {
      missed = looking;
      if (looking) return;
      looking = true;
      try {
        const answer = await fetch(at);
        if (!answer.ok || answer.redirected) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.querySelector("[data-draft]");
        if (!fresh) return;
        revision = Number(fresh.dataset.revision);
        for (const part of page.querySelectorAll("[data-live]")) {
          const old = document.querySelector(`[data-live="${part.dataset.live}"]`);
          if (old && !old.contains(document.activeElement) && !old.querySelector("details[open]")) old.replaceWith(document.importNode(part, true)); // what is within a paragraph goes with it below
        }
        const list = document.querySelector(".eds");
        const kept = new Set([...page.querySelectorAll(".eds>.ed")].map((item) => item.id));
        let before = null;
        for (const item of [...page.querySelectorAll(".eds>.ed")]) {
          const old = document.getElementById(item.id);
          const form = old?.querySelector("form[data-save]");
          let place = old;
          if (!old) place = document.adoptNode(item);
          else if (form && !dirty.has(form)) {
            if (!old.contains(document.activeElement)) {
              place = document.adoptNode(item);
              old.replaceWith(place);
            } else if (item.querySelector("form[data-save]")?.elements.base.value !== form.elements.base.value) {
              behind = true;
            }
          }
          if (before ? before.nextElementSibling !== place : list.firstElementChild !== place) {
            if (!place.contains(document.activeElement)) before ? before.after(place) : list.prepend(place);
          }
          before = place;
        }
        for (const old of [...list.querySelectorAll(":scope>.ed")]) {
          const form = old.querySelector("form[data-save]");
          if (!kept.has(old.id) && !dirty.has(form) && !old.contains(document.activeElement)) old.remove();
        }
      } finally {
        looking = false;
        if (missed) refresh();
      }
    };
    document.addEventListener("focusout", () => {
      if (behind) setTimeout(refresh);
      behind = false;
    });
    const save = async (form) => {
      clearTimeout(dirty.get(form));
      const sent = new FormData(form);
      sent.set("do", "save");
      let answer;
      try {
        answer = await post(form.action, Object.fromEntries(sent));
      } catch {
        dirty.set(form, setTimeout(() => save(form), 5000));
        return;
      }
      if (!answer.ok) {
        say(form, answer.body.detail ?? "", true);
        return;
      }
      const text = form.elements.text;
      const same = text.value === sent.get("text");
      if (answer.body.Clash) {
        form.elements.clash.value = answer.body.Clash;
      } else {
        form.elements.base.value = answer.body.Version;
        form.elements.clash.value = 0;
        if (same && text.value !== answer.body.Text) text.value = answer.body.Text;
      }
      form.closest(".ed").querySelector("[data-said]")?.remove();
      if (same) {
        dirty.delete(form);
        form.closest(".ed").classList.remove("ed--unsaved");
      }
      revision = answer.body.Revision;
      if (answer.body.Clash || answer.body.Merged) refresh();
    };
    document.addEventListener("input", (e) => {
      const form = e.target.closest("form[data-save]");
      if (!form) return;
      clearTimeout(dirty.get(form));
      form.closest(".ed").classList.add("ed--unsaved");
      dirty.set(form, setTimeout(() => save(form), 2000));
    });
    addEventListener("beforeunload", (e) => {
      if (dirty.size) e.preventDefault();
    });
    document.addEventListener("submit", (e) => {
      const form = e.target;
      if (form.matches("form[data-save]")) {
        clearTimeout(dirty.get(form));
        dirty.delete(form);
      }
    });
    document.addEventListener("keydown", (e) => {
      if (!(e.ctrlKey || e.metaKey)) return;
      const form = e.target.closest?.("form[data-save]");
      if (!form) return;
      if (e.key === "s") {
        e.preventDefault();
        save(form);
      } else if (e.key === "Enter") {
        e.preventDefault();
        const button = form.querySelector("button[value=add]");
        save(form).then(() => form.requestSubmit(button));
      }
    });

    // Presence: who is where, and that somebody has saved.
    const tell = (leave) => {
      const data = leave ? { do: "leave" } : { part: here };
      if (leave) navigator.sendBeacon?.(at + "/presence", new URLSearchParams(data));
      else post(at + "/presence", data).catch(() => {});
    };
    document.addEventListener("focusin", (e) => {
      const part = e.target.closest(".ed")?.dataset.part ?? "";
      if (part !== here) {
        here = part;
        tell();
      }
    });
    setInterval(() => document.visibilityState === "visible" && tell(), 15000);
    addEventListener("pagehide", () => tell(true));
    tell();
    let last = "";
    const pulse = (text) => {
      if (last && text !== last) refresh();
      last = text;
    };
    let asking = 0;
    const poll = () => {
      asking ||= setInterval(async () => {
        const answer = await fetch(at + "/pulse", { headers: json }).catch(() => null);
        if (answer?.ok) pulse(await answer.text());
      }, 10000);
    };
    if (window.EventSource) {
      const stream = new EventSource(at + "/events");
      stream.addEventListener("pulse", (e) => pulse(e.data));
      stream.addEventListener("error", () => stream.readyState === EventSource.CLOSED && poll());
    } else {
      poll();
    }

    // Files: dropped anywhere on the form, with progress.
    for (const form of document.querySelectorAll("form[data-upload]")) {
      const bar = form.querySelector("[data-progress]");
      const send = (files) => {
        const [file, ...rest] = files;
        if (!file) return location.reload();
        const data = new FormData();
        data.set("file", file);
        const ask = new XMLHttpRequest();
        ask.open("POST", form.action);
        ask.setRequestHeader("Accept", "application/json");
        ask.upload.addEventListener("progress", (e) => {
          bar.hidden = false;
          bar.className = "quiet";
          bar.textContent = `${file.name} ${Math.round((100 * e.loaded) / (e.total || 1))} %`;
        });
        ask.addEventListener("loadend", () => {
          if (ask.status >= 200 && ask.status < 300) return send(rest);
          bar.hidden = false;
          bar.className = "red";
          let detail = "";
          try {
            detail = JSON.parse(ask.responseText).detail;
          } catch {}
          bar.textContent = `${file.name}: ${detail || ask.status}`;
        });
        ask.send(data);
      };
      form.addEventListener("submit", (e) => {
        e.preventDefault();
        send([...form.elements.file.files]);
      });
      for (const type of ["dragenter", "dragover"]) form.addEventListener(type, (e) => (e.preventDefault(), form.classList.add("drop")));
      form.addEventListener("dragleave", () => form.classList.remove("drop"));
      form.addEventListener("drop", (e) => {
        e.preventDefault();
        form.classList.remove("drop");
        send([...e.dataTransfer.files]);
      });
    }

    // Completion of addresses and references, as a list that the browser shows.
    for (const field of document.querySelectorAll("input[data-find]")) {
      const list = document.createElement("datalist");
      list.id = field.id + "-hits";
      field.after(list);
      field.setAttribute("list", list.id);
      let timer = 0;
      field.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(async () => {
          if (field.value.trim().length < 2) return;
          const query = new URLSearchParams({ of: field.dataset.find, q: field.value, office: draft.dataset.office });
          const answer = await fetch("/drafts/find?" + query, { headers: json }).catch(() => null);
          if (!answer?.ok) return;
          list.replaceChildren(
            ...(await answer.json()).hits.map((h) => {
              const o = document.createElement("option");
              o.value = h.value;
              o.textContent = h.text;
              return o;
            }),
          );
        }, 200);
      });
    }

    // Who will be able to read this, beside the text.
    const outlook = document.querySelector("[data-outlook]");
    if (outlook)
      fetch(outlook.dataset.outlook, { headers: json })
        .then((a) => (a.ok ? a.json() : null))
        .then((a) => {
          if (!a) return;
          const page = new DOMParser().parseFromString(a.html, "text/html");
          outlook.querySelector("h2").after(...page.body.childNodes);
        })
        .catch(() => {});
  }
}
