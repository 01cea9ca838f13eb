/** What the details of a conversation say. */

import { counted } from "./counted.js";

export const details = {
  members: (count: number) => counted(count, "member", "members"),
  roles: { owner: "Owner", admin: "Admin", member: "Member" } as Record<string, string>,
  ownName: (name: string) => `${name} (you)`,
  online: "Online",
  away: "Away",
  offline: "Offline",
  lastSeen: (ago: string) => `Last seen ${ago}`,
  since: (day: string) => `Since ${day}`,

  rename: "Rename",
  groupName: "Name of the group",
  save: "Save",
  mute: "Mute",
  mutedUntil: (moment: string) => `Muted until ${moment}`,
  mutedForEver: "Muted until you turn it on",
  unmute: "Unmute",
  pin: "Pin to the top",
  unpin: "Unpin from the top",
  archive: "Archive",
  unarchive: "Move out of the archive",

  addMembers: "Add members",
  add: "Add",
  memberActions: (name: string) => `Actions for ${name}`,
  write: "Message",
  makeAdmin: "Make admin",
  makeMember: "Make member",
  makeOwner: "Make owner",
  remove: "Remove from the group",
  findMember: "Find a member",
  noMember: "No member has that name.",

  leave: "Leave the group",
  ownerStays: "A group has an owner. To leave it, make another member the owner first.",
  leaveTitle: (name: string) => `Leave ${name}?`,
  leaveText: "You will get no more of its messages, and only its owner or admins can bring you back.",
  removeTitle: (name: string) => `Remove ${name}?`,
  removeText: (group: string) => `They will get no more messages of ${group}.`,
  ownerTitle: (name: string) => `Make ${name} the owner?`,
  ownerText: "There is one owner. You will be an admin from then on, and only they can give it back.",
  removeNow: "Remove",
  makeOwnerNow: "Make owner",
  failed: "The members could not be loaded.",
};
