// Runs before the page is shown, in syntax that any browser reads. Tells what the browser lacks, that
// the page did not start, or that it failed later.
(function () {
  "use strict";
  // where people point with a finger nothing can be dropped, but there is a camera
  var touch = window.matchMedia && window.matchMedia("(hover: none) and (pointer: coarse)").matches;
  document.documentElement.className = touch ? "has-script touch" : "has-script";
  var dialog = window.HTMLDialogElement && window.HTMLDialogElement.prototype;
  var needed = {
    fetch: window.fetch,
    AbortController: window.AbortController,
    "Array.prototype.at": Array.prototype.at,
    "Blob.prototype.arrayBuffer": window.Blob && window.Blob.prototype.arrayBuffer,
    CustomEvent: window.CustomEvent,
    FormData: window.FormData,
    IntersectionObserver: window.IntersectionObserver,
    Promise: window.Promise,
    "String.prototype.replaceAll": String.prototype.replaceAll,
    "URL.createObjectURL": window.URL && window.URL.createObjectURL,
    XMLHttpRequest: window.XMLHttpRequest,
    "dialog.showModal": dialog && dialog.showModal,
    "module scripts": "noModule" in document.createElement("script")
  };

  function tell(text, place) {
    var line = document.createElement("p");
    line.className = "left-out";
    line.appendChild(document.createTextNode(text));
    document.getElementById(place || "alert").appendChild(line);
  }

  // before the start, the line below says it; browser extensions fail in this window, too
  function tellFailure(error, file) {
    var started = document.documentElement.hasAttribute("data-started");
    var ours = (String(error && error.stack) + file).indexOf("/static/page/") >= 0;
    if (!started || !ours || document.getElementById("failure").firstChild) return;
    tell("The page has failed (" + error + "). Reload it. If that does not help, update the browser, or use another one.", "failure");
  }
  window.addEventListener("error", function (event) { tellFailure(event.error || event.message, event.filename); });
  window.addEventListener("unhandledrejection", function (event) { tellFailure(event.reason); });

  window.addEventListener("load", function () {
    var missing = Object.keys(needed).filter(function (name) { return !needed[name]; });
    if (missing.length) {
      tell("This browser cannot run the page: it lacks " + missing.join(", ") + ". Update the browser, or use another one.");
    } else if (!document.documentElement.hasAttribute("data-started")) { // set by app.js
      tell("The page did not start. Reload it. If that does not help, update the browser, or use another one.");
    }
  });
})();
