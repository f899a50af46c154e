// What must happen in the browser: the look, the age of the data, the width there is to draw in, the address of a view.
window.dash_clientside = Object.assign({}, window.dash_clientside, {
  shell: {
    theme: function (clicks) {
      const root = document.documentElement;
      if (clicks) {
        root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
        localStorage.setItem("market-assets-theme", root.dataset.theme);
      }
      return root.dataset.theme;
    },

    viewport: function (_seconds, known) {
      const width = window.innerWidth;
      return known && Math.abs(known - width) < 40 ? window.dash_clientside.no_update : width;
    },

    // the address of what is shown; going back leads to the page before, not through every choice
    share: function (query) {
      if (query === undefined || query === null) {
        return window.dash_clientside.no_update;
      }
      window.history.replaceState(window.history.state, "", window.location.pathname + query);
      return query;
    },

    // The last good refresh stays on the page; here is how old it is. A server that does not
    // answer at all sends nothing, so the age itself is the alarm.
    age: function (_seconds, refresh) {
      const memory = (window.marketAssets = window.marketAssets || { tick: null, at: null });
      if (refresh && refresh.error === null && refresh.tick !== memory.tick) {
        memory.tick = refresh.tick;
        memory.at = Date.now();
      }
      if (memory.at === null) {
        return [refresh && refresh.error ? "refresh failed: " + refresh.error : "loading", "refreshed tone-warn"];
      }
      const seconds = Math.round((Date.now() - memory.at) / 1000);
      if (refresh && refresh.error) {
        return ["refresh failed, data " + seconds + " s old: " + refresh.error, "refreshed tone-bad"];
      }
      const late = seconds > 30;
      return [(late ? "no answer, data " : "updated ") + seconds + " s " + (late ? "old" : "ago"),
        late ? "refreshed tone-bad" : "refreshed"];
    },
  },
});
