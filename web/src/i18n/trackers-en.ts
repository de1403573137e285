export const trackersEn = {
  getApp: (app: string) => `Get ${app}`,
  getAppFor: (app: string, phone: string) => `${app} for ${phone}`,
  platform: { ios: "iPhone", android: "Android" },
  allowLocation: {
    ios: "Allow location “Always”, with “Precise Location” on.",
    android:
      "Allow location “all the time”, and the battery without restriction (Settings → Apps → the app → Battery).",
  },
  allowConfiguration: {
    ios: "Version 26.2.3 or newer: in the app, Settings → Remote Control, switch on “Allow external configuration”. Otherwise the app ignores the link.",
    android:
      "Version 2.6.0 or newer: in the app, Preferences → Remote Control, switch on “Allow external configuration”. Otherwise the app ignores the link.",
  },
  setUpLink: "Open this on the phone, and confirm in the app:",
  setUpScan: (app: string) =>
    `Scan this: with ${app} itself, or with the phone’s camera where that opens it.`,
  scanAddress: "Scan this with the phone’s camera to copy the address.",
  setUpByHand: "Copy these into the app’s settings.",
  startApp: {
    owntracks:
      "Press the arrow on the app’s map to send a first report, and switch “Allow external configuration” off again.",
    traccar: "Switch continuous tracking on.",
    overland: "Set logging mode and send interval as below, and switch tracking on.",
    gpslogger: "Choose “Log to custom URL”, set these, and press “Start logging”.",
    osmand:
      "Switch on the plugin “Trip recording”, in it “Online tracking”, and record a trip: OsmAnd sends while it records.",
  },
  byHand: (app: string) => `Settings of ${app}`,
  orByHand: (app: string) => `Or by hand, in the settings of ${app}`,
  setting: {
    mode: "Mode",
    url: "Address (URL)",
    device_id: "Device ID",
    tracker_id: "Tracker ID",
    username: "Username",
    password: "Password",
    monitoring: "Monitoring",
    interval_seconds: "Interval",
    fastest_interval_seconds: "Fastest interval",
    distance_metres: "Distance",
    accuracy: "Accuracy",
    stop_detection: "Stop detection",
    buffer: "Offline buffering",
    logging_mode: "Logging mode",
    method: "HTTP method",
    body: "HTTP body",
  },
  settingValue: { off: "off", move: "Move", highest: "highest" },
  leaveEmpty: "leave empty",
  copy: "Copy",
  copied: "Copied",
  copyWhat: (what: string) => `Copy: ${what}`,
  openIn: (app: string) => `Open in ${app}`,
  appQr: (app: string) => `QR code for ${app}`,
  reportNotShown: (app: string, why: string) => `${app} sent a report that is not shown: ${why}`,
  notShown: {
    too_old: (age: string) => `the position was ${age} old, or the phone’s clock is that far behind.`,
    superseded: () => "a newer position is shown.",
    paused: () => "you have paused or stopped sharing.",
    clock_ahead: (by: string) =>
      `the phone’s clock is ${by} ahead. Switch on network time in the phone’s settings.`,
    no_position: () => "it had no position. The phone may not have a GPS fix yet.",
    too_large: () => "the batch is too large. Lower the number of points for each batch in the app.",
    not_understood: () => "the server could not read it. Check the settings.",
    encrypted: () => "it is encrypted. Remove the encryption key in the app.",
  },
  appWaiting: "Waiting for the first position from the app…",
  appArrived: "The first position has arrived. You can put the phone away.",
  showsOthers: "Shows the others on its own map.",
  showsYouOnly: "Shows you to the others.",
  setUp: (app: string) => `Set up ${app}`,
  pocketText: "A browser stops sharing in the background. A tracker app continues.",
  pocketBattery: "Uses about as much battery as navigation.",
};

export type TrackerTexts = typeof trackersEn;
