/** Texts of the settings. */

export const settings = {
  title: "Settings",
  sections: "Settings sections",
  profile: "Profile",
  appearance: "Appearance",
  notifications: "Notifications",
  writing: "Writing",
  privacy: "Privacy",
  about: "About",

  since: (day: string) => `Here since ${day}`,
  presence: "How others see you",
  presences: { online: "Online", away: "Away", invisible: "Invisible" },
  presenceHints: {
    online: "While this page is open.",
    away: "You are around, but may not answer at once.",
    invisible: "Others see you as offline. You still see them.",
  },
  password: "Password",
  passwordHint: "When you change it, all your other devices are signed out.",
  oldPassword: "Current password",
  newPassword: "New password",
  newPasswordHint: "At least 8 characters",
  changePassword: "Change password",
  wrongPassword: "That is not your current password.",
  passwordChanged: "Your password has been changed. Other devices have to sign in again.",

  theme: "Colours",
  themes: { system: "Same as the system", light: "Light", dark: "Dark" },
  onThisDevice: "Stored on this device only.",

  notify: "Show notifications",
  notifyHint: "For messages that arrive while this page is hidden. Muted conversations stay quiet.",
  notifyRefused:
    "Your browser blocks notifications from this page. Allow them in the browser's settings for this site.",
  notifyMissing: "This browser does not support notifications, or this page was not opened over https.",
  sound: "Play a sound",
  soundHint: "A short sound, whenever a message needs your attention.",

  enterSends: "Enter sends",
  enterSendsHint: "When this is off, Enter starts a new line, and Ctrl+Enter or ⌘+Enter sends.",

  pictures: {
    title: "Pictures from other sites",
    ask: "Ask before loading",
    askHint: "A button replaces each picture. The site learns nothing until you press it.",
    always: "Always load",
    alwaysHint:
      "The site that hosts the picture, and so perhaps its sender, learns your network address and when you read.",
  },

  client: "Web client of ChatServer",
  version: "Server version",
  unknown: "unknown",
  api: "API reference",
  apiHint: "Your own programs can do everything that this client does.",
};
