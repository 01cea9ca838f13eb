/** The sections of the settings, in the order of their tabs. A new section is one line here and a component. */

import Bell from "@lucide/svelte/icons/bell";
import CircleUser from "@lucide/svelte/icons/circle-user";
import Info from "@lucide/svelte/icons/info";
import Palette from "@lucide/svelte/icons/palette";
import PenLine from "@lucide/svelte/icons/pen-line";
import Shield from "@lucide/svelte/icons/shield";
import { say } from "../strings.js";
import About from "./About.svelte";
import Appearance from "./Appearance.svelte";
import Notifications from "./Notifications.svelte";
import Privacy from "./Privacy.svelte";
import Profile from "./Profile.svelte";
import Writing from "./Writing.svelte";

export const sections = [
  { id: "profile", name: say.settings.profile, icon: CircleUser, content: Profile },
  { id: "appearance", name: say.settings.appearance, icon: Palette, content: Appearance },
  { id: "notifications", name: say.settings.notifications, icon: Bell, content: Notifications },
  { id: "writing", name: say.settings.writing, icon: PenLine, content: Writing },
  { id: "privacy", name: say.settings.privacy, icon: Shield, content: Privacy },
  { id: "about", name: say.settings.about, icon: Info, content: About },
];
