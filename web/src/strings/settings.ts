/** What the settings say. */

export const settings = {
  title: "Settings",
  sections: "Parts of the settings",
  profile: "Profile",
  appearance: "Appearance",
  notifications: "Notifications",
  writing: "Writing",
  privacy: "Privacy",
  about: "About",

  username: "Username",
  email: "Email",
  since: (day: string) => `Here since ${day}`,
  presence: "How others see you",
  presences: { online: "Online", away: "Away", invisible: "Invisible" },
  presenceHints: {
    online: "While this page is open.",
    away: "There, but not at hand.",
    invisible: "As if you were offline. You see others all the same.",
  },
  password: "Password",
  passwordHint: "Changing it signs you out everywhere but here.",
  oldPassword: "Present password",
  newPassword: "New password",
  newPasswordHint: "At least 8 characters",
  changePassword: "Change password",
  wrongPassword: "That is not your present password.",
  passwordChanged: "Your password is changed. Other devices have to sign in again.",

  theme: "Colours",
  themes: { system: "As the system", light: "Light", dark: "Dark" },
  onThisDevice: "Kept on this device alone.",

  notify: "Show notifications",
  notifyHint: "Of messages that come while this page is out of sight. Muted conversations stay quiet.",
  notifyRefused: "The browser does not allow them for this page. Its settings can change that.",
  notifyMissing: "This browser has none, or the page did not come by a safe connection.",
  sound: "Play a sound",
  soundHint: "A short one, with every message that calls you.",

  enterSends: "Enter sends",
  enterSendsHint: "Otherwise Enter begins a new line, and Ctrl or ⌘ with Enter sends.",

  pictures: {
    title: "Pictures from other sites",
    ask: "Ask before loading",
    askHint: "A button stands in place of each. The site learns nothing before you press it.",
    always: "Always load",
    alwaysHint:
      "The site that has the picture, and so perhaps its sender, learns your network address and when you read.",
  },

  client: "Web client of ChatServer",
  version: "Version of the server",
  unknown: "unknown",
  api: "API reference",
  apiHint: "Everything this client does, your programs can do.",
};
