// What the live tab of the bars page needs in the browser: badges, and ages that go on while no answer comes.
window.dashAgGridComponentFunctions = Object.assign(window.dashAgGridComponentFunctions || {}, {
  BarsState: function (props) {
    const tones = { LIVE: "good", DELAYED: "warn", STALE: "bad", CLOSED: "idle", "NO DATA": "bad" };
    return React.createElement(
      "span",
      { className: "pill bars-badge tone-" + (tones[props.value] || "idle"), title: props.data.at || "no price yet" },
      props.value
    );
  },
});

window.dashAgGridFunctions = Object.assign(window.dashAgGridFunctions || {}, {
  barsAge: function (params) {
    const age = params.value;
    if (age === null || age === undefined) {
      return "";
    }
    if (age < 10) {
      return age.toFixed(1) + " s";
    }
    for (const [name, length] of [["d", 86400], ["h", 3600], ["min", 60]]) {
      if (age >= 2 * length) {
        return Math.round(age / length) + " " + name;
      }
    }
    return Math.round(age) + " s";
  },
});

window.dash_clientside = Object.assign({}, window.dash_clientside, {
  bars: {
    // the rows as the server told them, aged by what has passed since: a server that is silent cannot stay LIVE
    board: function (_second, told) {
      if (!told) {
        return window.dash_clientside.no_update;
      }
      const memory = (window.barsBoard = window.barsBoard || { stamp: null, at: 0 });
      if (memory.stamp !== told.stamp) {
        memory.stamp = told.stamp;
        memory.at = Date.now();
      }
      const passed = (Date.now() - memory.at) / 1000;
      return told.rows.map(function (row) {
        if (row.age_s === null || (row.state !== "LIVE" && row.state !== "DELAYED")) {
          return row;
        }
        const age = row.age_s + passed;
        const late = age > row.warn_s ? "DELAYED" : row.state;
        return Object.assign({}, row, { age_s: age, state: age > row.error_s ? "STALE" : late });
      });
    },
  },
});
