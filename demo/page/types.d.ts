// What goes over the wire and between the page's modules. demo/handlers.py answers; demo/film.py makes frames.

type Mode = "mean" | "sample" | "sharp";
// where it looks, what it added, what is not there yet, is right already, is invented
type Overlay = "" | "on" | "add" | "less" | "right" | "open";

/** What some browsers know of the line. */
interface Navigator {
  connection?: { downlink?: number; saveData?: boolean };
}

/** A model, as `ModelInfo.to_dict` says; an example's stored film may lack what is optional here. */
interface Info {
  name: string;
  title: string;
  lengths: number[];
  bytes_per_token: number;
  generative: boolean;
  modes?: (Mode | "flow")[];
  adaptive?: boolean; // whether it says which places of the picture are right already
  ordered?: boolean; // whether a short code is the beginning of a long one
  default_steps: number;
  checkpoint_id?: string;
  has_attention: boolean;
  ladder?: number[];
  layers_read?: number;
  layers_write?: number;
  attention?: { direction: string; layers: number; side: number }[];
  views?: string[];
  picture_size?: number;
  tokens?: string;
  role?: string;
  alone?: boolean; // it is in this browser, and nothing else can encode its photos here
  besides?: string[]; // but these
}

/** A film's head. */
interface Start {
  token: string;
  info: Info;
  scale: [number, number]; // log10 power at the ends of `levels`
  original: string | null; // WebP in base64
  reference: string | null; // the photo's levels
  home: string;
  credit: string;
  example: string;
  models?: Choice[]; // the first is the default
  crop?: Crop;
  stored?: boolean; // what is stored is all there is
}

/** A model that a visitor may choose. */
interface Choice {
  name: string;
  title: string;
  role: string;
  ordered: boolean;
}

/** What is taken of a photo: the centre, 0..1 of width and height, and the zoom (1: the largest square). */
type Crop = [x: number, y: number, zoom: number];

/** mode, length, WebP, levels, PSNR, SSIM, errors of the three bands. */
type Row = [Mode, number, string, string, number | null, number | null, number[] | null];
/** The most bytes of a codec's file, then as a Row from its WebP on. */
type FileRow = [number, string, string, number | null, number | null, number[] | null];
type Maps = [maps: string, mass: number[]];

/** What is told of a film besides its frames. */
interface Told {
  tokens?: string;
  attention?: Maps;
  layers?: [name: string, maps?: string, mass?: number[]][];
  linear?: number[];
  webp?: [tokens: number, psnr: number][];
  control?: Record<string, string>;
  codes?: Record<string, string>; // a code a length, packed
  guess?: Partial<Record<Mode, Record<string, string>>> & { photo?: string };
  agreement?: Partial<Record<Mode, Record<string, number>>>;
}

/** About how many seconds a picture of a slow model takes. */
type Wait = Partial<Record<Mode, number>>;

interface Answer {
  error?: string;
  gone?: string; // the token of a film that the server does not hold
  unsent?: boolean; // the photo never came to whoever answers
  forgotten?: string[];
  here?: boolean; // to whoever asks whether there is a server
  late?: boolean; // no answer came in time
  note?: string;
  full?: boolean; // the note is about many visitors
  again?: number; // seconds after which the question is asked again
  wait?: Wait;
  start?: Start;
  frames?: Row[];
  told?: Told;
  caption?: string;
  webp?: string | null;
  maps?: Maps;
  guess?: Record<string, string>;
  agreement?: Record<string, number>;
  photo?: string;
  given?: Given[];
  halted?: Record<string, string>; // a byte a place, in base64
  sharpness?: Record<string, number>; // bits
  nesting?: Change[];
  need?: Need;
  original?: string; // WebP in base64
  models?: Info[];
  files?: (FileRow | null)[];
}

/** Who gave which tokens of a mix; no picture of a photo that stayed with its sender. */
interface Given {
  name: string;
  tokens: string;
  webp: string | null;
}

/** A short code, a longer one, and the shares of tokens and bits that are others at the latter's beginning. */
type Change = [short: number, long: number, tokens: number, bits: number];

/** What a picture needs of a model. */
interface Need {
  tokens: number;
  bytes: number;
  reached: boolean;
  score: number | null; // null: equal
  tried: number;
  seconds: number;
}

type Question = Record<string, unknown>;
/** A question that takes a while, as a photo that is sent; it may stop where nobody wants it any more. */
type Bringing = (wanted: () => boolean) => Promise<Question>;

/** Where answers come from. */
interface Source {
  still: boolean; // no server: what is stored is all there is
  here?: boolean; // a photo goes nowhere: this browser answers
  attempt?: number; // ms after which an answer is asked for once more
  machine?: import("./switch.js").Machine; // whether the server answers, or this browser
  ask(question: Question, wanted?: () => boolean): Promise<Answer>;
  upload?(file: File, progress: (part: number) => void, wanted?: () => boolean): Promise<string>;
}

/** One picture; `bitmap` is an ImageBitmap, or a stand-in where there is no browser. */
interface Frame {
  mode: Mode;
  length: number;
  bitmap: ImageBitmap;
  levels: Uint8Array;
  psnr: number | null;
  ssim: number | null;
  bands: number[] | null;
}

/** What a classifier sees in a kind's pictures. */
interface Seen {
  guess?: Record<string, string>;
  agreement?: Record<string, number>;
  photo?: string;
}

/** What the visitor turned and chose. */
interface State {
  k: number;
  mode: Mode;
  steps: number; // 0: the model's own
  seed: number;
  model: string; // "": the first one
  overlay: Overlay;
  token: number; // the one that is looked at
  follow: boolean; // whether that one follows the dial
  panel: string; // which tab is open
  scene: string; // which of the six is in force; "": none
  turned: boolean; // whether the visitor ever turned the dial
  panes: string[]; // of Compare, see panes.js; none: the usual ones
  equal: "tokens" | "bytes"; // which of the two they share
}

/** What an address says besides the state. */
interface Link {
  photo: string;
  tokens: string;
  named: boolean; // a round of "Name it"
  sender: number; // tokens that whoever sent it needed
  state: Partial<State>;
}

type Film = import("./film.js").Film;

/** What panels are told: who, what is shown, and whether a finger is on the dial. */
interface Scene {
  film: Film;
  state: State;
  frame: Frame;
  words: string; // for the picture's badge
  turning: boolean;
}

/** How a film came: a photo of the visitor's own, or another crop of one, or from the other source, or else. */
type From = "upload" | "crop" | "again" | "example" | "link" | "moved";

/** A panel: what main calls, all of it optional. Only `draw` runs in a drag. */
interface Panel {
  begin?(film: Film, start: Start, from: From): void; // another film
  draw?(scene: Scene): void; // an animation frame in which something changed
  arrive?(film: Film): void; // frames or facts came
  told?(film: Film, told: Told): void;
  settle?(film: Film): void; // the dial rests
}

/** What panels ask of the page. */
interface Intents {
  readonly state: State;
  readonly film: Film | null;
  turn(k: number, how?: "drag" | "sweep"): void;
  settled(): void;
  change(patch: Partial<State>): void;
  paint(): void;
  arrived(): void;
  say(text: string, bad?: boolean, stay?: number, about?: Film): void; // dropped if about an older film
  open(question: Question | Bringing, words?: string): Promise<string | undefined>;
  mode(mode: Mode): void;
  retake(steps: number, seed: number): void; // another seed or number of steps: the means stay
  view(view: string, more: Question): Promise<Answer>;
  address(whole: boolean, more?: Record<string, string | number>): string;
  hidden(): boolean; // whether a round keeps the photo secret
  turning(): boolean;
  readonly still: boolean; // of this film there is nothing but what is stored
  readonly here: boolean; // the model is in this browser
}
