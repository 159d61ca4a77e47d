// Runs before the page is shown, in syntax that any browser reads. Tells what the browser lacks, or
// that the page did not start.
(function () {
  "use strict";
  // where people point with a finger nothing can be dropped, but there is a camera
  var touch = window.matchMedia && window.matchMedia("(hover: none) and (pointer: coarse)").matches;
  document.documentElement.className = touch ? "has-script touch" : "has-script";
  var dialog = window.HTMLDialogElement && window.HTMLDialogElement.prototype;
  var needed = {
    fetch: window.fetch,
    AbortController: window.AbortController,
    FormData: window.FormData,
    IntersectionObserver: window.IntersectionObserver,
    Promise: window.Promise,
    "dialog.showModal": dialog && dialog.showModal,
    "module scripts": "noModule" in document.createElement("script")
  };

  function tell(text) {
    var line = document.createElement("p");
    line.className = "left-out";
    line.appendChild(document.createTextNode(text));
    document.getElementById("alert").appendChild(line);
  }

  window.addEventListener("load", function () {
    var missing = Object.keys(needed).filter(function (name) { return !needed[name]; });
    if (missing.length) {
      tell("This browser cannot run the page: it lacks " + missing.join(", ") + ". Update the browser, or use another one.");
    } else if (!document.documentElement.hasAttribute("data-started")) { // set by app.js
      tell("The page did not start. Reload it. If that does not help, update the browser, or use another one.");
    }
  });
})();
