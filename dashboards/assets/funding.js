// What the funding page needs in the browser: cells of the rate grid, countdowns.
window.dashAgGridComponentFunctions = Object.assign(window.dashAgGridComponentFunctions || {}, {
  // a rate with the badges of its z and its interval; nothing where no rate is known
  FundingRate: function (props) {
    const cell = props.data[props.colDef.colId];
    if (!cell || cell.v === null) {
      return null;
    }
    const badge = function (text, kind) {
      return React.createElement("span", { className: "rate-badge " + kind, key: kind }, text);
    };
    const badges = [];
    if (cell.b > 0) {
      badges.push(badge((cell.z < 0 ? "\u2212" : "+") + cell.b + "\u03c3", "z" + cell.b));
    }
    if (cell.h !== null) {
      badges.push(badge(cell.h + "h", "interval"));
    }
    return React.createElement(
      "div",
      { className: cell.w ? "rate trailing" : "rate" },
      React.createElement("span", { className: "rate-badges" }, badges),
      React.createElement("span", { className: "rate-value" }, props.valueFormatted)
    );
  },
});

window.dashAgGridFunctions = Object.assign(window.dashAgGridFunctions || {}, {
  // the ground of a rate: one colour above zero, another below, stronger with its size
  fundingShade: function (cell) {
    if (!cell || cell.t === null) {
      return {};
    }
    const part = Math.round(62 * Math.abs(cell.t));
    const colour = cell.t < 0 ? "var(--rate-below)" : "var(--rate-above)";
    return { backgroundColor: "color-mix(in srgb, " + colour + " " + part + "%, transparent)" };
  },

  fundingTooltip: function (cell) {
    if (!cell) {
      return "not listed";
    }
    const z = cell.z === null ? "z unknown" : "z " + cell.z.toFixed(2);
    const interval = cell.h === null ? "interval unknown" : "every " + cell.h + " h";
    const rate = cell.v === null ? "no rate stated" : cell.w ? "trailing rate, not predicted" : "predicted rate";
    return cell.s + ": " + rate + ", " + interval + ", " + z;
  },
});

window.dash_clientside = Object.assign({}, window.dash_clientside, {
  funding: {
    // seconds until each settlement, counted down from what the server said
    countdown: function (_seconds, said) {
      if (!said) {
        return window.dash_clientside.no_update;
      }
      const memory = (window.fundingCountdown = window.fundingCountdown || { said: null, at: 0 });
      if (memory.said !== said.stamp) {
        memory.said = said.stamp;
        memory.at = Date.now();
      }
      const passed = Math.floor((Date.now() - memory.at) / 1000);
      const two = function (n) { return String(n).padStart(2, "0"); };
      return said.seconds.map(function (seconds) {
        if (seconds === null) {
          return "not stated";
        }
        const left = Math.max(Math.floor(seconds) - passed, 0);
        return Math.floor(left / 3600) + ":" + two(Math.floor(left / 60) % 60) + ":" + two(left % 60);
      });
    },
  },
});
