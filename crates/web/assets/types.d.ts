// What the checker of types cannot know: every element that these scripts look for is one of HTML's, every
// listener's target is an element, and one library comes as a file without types.

declare var Chart: any;

interface Element {
  value: any; hidden: any; open: any; required: any; elements: any; href: any; style: any; type: any; disabled: any;
  dataset: DOMStringMap;
  click(): void;
  requestSubmit(): void;
}
interface EventTarget {
  value: any; type: any; dataset: DOMStringMap;
  closest(selector: string): any;
  matches(selector: string): boolean;
  querySelector(selector: string): any;
  setPointerCapture(id: number): void;
}
interface Event { key: string }
