/** The one answer of `GET /v1/checkout/{token}` and what else goes over the wire, as the server writes it. */

export type Phase =
  | "ready"
  | "qr"
  | "processing"
  | "unknown"
  | "success"
  | "failed"
  | "cancelled"
  | "expired"
  | "closed";

/** What the platform's payment sheet said. It is a hint: only the server's answer says what became of the money. */
export type SheetResult = "ok" | "cancel" | "fail" | "unknown";

export type ContactKind = "address" | "phone" | "invoice";

/** How a payment is opened: the channel's own parameters for one kind of sheet. */
export interface Invoke {
  kind: string;
  params: Record<string, string>;
  expires_at: string;
  sandbox_url: string | null;
}

/** One attempt to pay. */
export interface Payment {
  id: string;
  state: "SENDING" | "UNKNOWN" | "PENDING" | "REFUSED" | "CLOSED" | "CAPTURED";
  method: string;
  refused_reason: string | null;
  invoke: Invoke | null;
  captured_minor: number;
  refunded_minor: number;
  refund_reserved_minor: number;
}

/** One way to pay, `channel/scene`; `reason` is a code and `reason_text` its sentence. */
export interface Method {
  method: string;
  label: string;
  icon: string;
  is_default: boolean;
  is_enabled: boolean;
  reason: string;
  reason_text: string;
  invoke_kind: string;
}

/** A saving that the shopper may use; the best is first. */
export interface Offer {
  id: string;
  name: string;
  saving_minor: number;
  is_applied: boolean;
  reason: string | null;
}

export interface Address {
  name: string;
  phone: string;
  province: string;
  city: string;
  district: string;
  street: string;
  postcode?: string;
  is_default?: boolean;
}

export interface Invoice {
  kind: "personal" | "company";
  title: string;
  tax_number?: string;
  email?: string;
  is_default?: boolean;
}

/** What a payment tells the shop about the shopper, and only what the order needs. */
export interface Contact {
  address?: Address | null;
  phone?: string | null;
  invoice?: Invoice | null;
}

export interface Profile {
  addresses: Address[];
  phone: string | null;
  invoices: Invoice[];
}

export interface Item {
  name: string;
  quantity: number;
  amount_minor: number | null;
}

/** Everything the checkout needs, in one answer. Amounts are minor units of `order.currency`. */
export interface Answer {
  phase: Phase;
  lang: string;
  merchant_name: string;
  order: {
    id: string;
    state: "OPEN" | "CLOSING" | "PAID" | "CLOSED";
    amount_minor: number;
    currency: string;
    subject: string;
    items: Item[];
    expires_at: string;
    needs: ContactKind[];
  };
  pay: { amount_minor: number; saving_minor: number };
  offers: Offer[];
  methods: Method[];
  payment: Payment | null;
  shopper: { id: string; profile: Profile | null; last_method: string | null } | null;
  /** What this shopper gave for the order. */
  contact: Contact | null;
  /** What the order has, whoever gave it. */
  contact_given?: ContactKind[];
  texts: Record<string, string>;
  links: { help: string | null; refund: string | null; feedback: string | null; back: string | null };
  telemetry: { rate: number };
  is_sandbox: boolean;
  return_url: string | null;
}

/** The body of `POST /v1/checkout/{token}/payments`. `offer` null means none, absent means the best. */
export interface PayBody {
  method: string;
  amount_minor: number;
  offer?: string | null;
  contact?: Contact;
  payer?: string;
}

/** An answer without a body that we could read has status 0 (no connection or too late) or a null body. */
export interface Reply {
  status: number;
  body: unknown;
  etag: string | null;
  /** Ask again no sooner than after so many seconds. */
  wait_seconds?: number;
}

/** A line of telemetry; never an address, a token or a name. */
export interface Track {
  name: string;
  method?: string | undefined;
  taps?: number;
  fields?: number;
  duration_ms?: number;
  code?: string | undefined;
}
