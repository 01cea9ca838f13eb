/** A short, soft sound, generated so that no file has to be loaded. */

const SECONDS = 0.35;

let audio: AudioContext | undefined;

export function chime(): void {
  audio ??= new AudioContext();
  const { currentTime: now } = audio;
  const volume = audio.createGain();
  volume.gain.setValueAtTime(0.0001, now);
  volume.gain.exponentialRampToValueAtTime(0.08, now + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.0001, now + SECONDS);
  const tone = audio.createOscillator();
  tone.frequency.setValueAtTime(660, now);
  tone.frequency.setValueAtTime(880, now + 0.09);
  tone.connect(volume).connect(audio.destination);
  tone.start(now);
  tone.stop(now + SECONDS);
}
