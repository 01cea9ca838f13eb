/** Mounts the client in its page. */

import { mount } from "svelte";
import App from "./App.svelte";
import "./design/tokens.css";
import "./design/base.css";
import { themeSetting } from "./settings/theme.svelte.js";
import { registerWorker } from "./worker/register.js";

themeSetting.apply();
mount(App, { target: document.getElementById("app")! });
registerWorker();
