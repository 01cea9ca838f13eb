/** Made by scripts/emoji.ts: one text for each group. */
declare module "virtual:emoji" {
  const groups: string[];
  export default groups;
}
