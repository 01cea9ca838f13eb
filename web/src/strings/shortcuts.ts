/** Texts of the list of keyboard shortcuts. */

export const shortcuts = {
  title: "Keyboard shortcuts",
  groups: [
    {
      name: "Everywhere",
      keys: [
        { keys: ["Mod", "K"], does: "Find a conversation or a person" },
        { keys: ["Alt", "↑"], does: "Previous conversation" },
        { keys: ["Alt", "↓"], does: "Next conversation" },
        { keys: ["Alt", "Shift", "↑"], does: "Previous unread conversation" },
        { keys: ["Alt", "Shift", "↓"], does: "Next unread conversation" },
        { keys: ["Esc"], does: "Close, or cancel a reply" },
        { keys: ["?"], does: "Show this list" },
      ],
    },
    {
      name: "In the list of conversations",
      keys: [
        { keys: ["↑"], does: "Up" },
        { keys: ["↓"], does: "Down" },
        { keys: ["Enter"], does: "Open" },
        { keys: ["Shift", "F10"], does: "Actions" },
      ],
    },
    {
      name: "While writing",
      keys: [
        { keys: ["Enter"], does: "Send" },
        { keys: ["Shift", "Enter"], does: "New line" },
        { keys: ["↑"], does: "Edit your last message" },
      ],
    },
  ],
};
