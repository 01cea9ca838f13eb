/** Generated from the server's AsyncAPI document by `npm run types`; changes by hand are lost. */

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description `append`: a piece for a message that is being written. */
        append: {
            /**
             * @description The text to add.
             * @example Once upon a time
             */
            content: string;
            /**
             * Format: int64
             * @description Which message.
             */
            message_id: number;
            /**
             * Format: int32
             * @description The length that the text has so far, in characters (Unicode code points).
             * @example 0
             */
            offset: number;
            /** @constant */
            op: "append";
        };
        /** @description `delete`: a message, for everyone or for oneself. */
        delete: {
            /** @description `everyone` (the default) or `me`. */
            for?: string | null;
            /**
             * Format: int64
             * @description Which message.
             */
            message_id: number;
            /** @constant */
            op: "delete";
        };
        /** @description `delivered` and `read`: how far the client, or its user, has come. */
        delivered: {
            /**
             * Format: int64
             * @description In which conversation.
             */
            conversation_id: number;
            /** @constant */
            op: "delivered";
            /**
             * Format: int64
             * @description The last message.
             */
            seq: number;
        };
        /** @description `edit`: a new text for a message. */
        edit: {
            /**
             * @description Text, at most 16 KiB.
             * @example Hello, dear Jerry!
             */
            content: string;
            /**
             * Format: int64
             * @description Which message.
             */
            message_id: number;
            /** @constant */
            op: "edit";
        };
        /** @description `finish`: the end of a message that was being written. */
        finish: {
            /** @description Whether it stays unfinished. */
            abandoned?: boolean;
            /** @description The whole text once more, if it is to be replaced. */
            content?: string | null;
            /**
             * Format: int64
             * @description Which message.
             */
            message_id: number;
            /** @constant */
            op: "finish";
        };
        /** @description `forward`: a message once more, elsewhere. */
        forward: {
            /** @description The sender's key for the new message. */
            client_msg_id?: string | null;
            /**
             * Format: int64
             * @description Into a conversation.
             */
            conversation_id?: number | null;
            /**
             * Format: int64
             * @description Which message.
             */
            message_id: number;
            /** @constant */
            op: "forward";
            /**
             * Format: int64
             * @description To a group.
             */
            to_group?: number | null;
            /**
             * Format: int64
             * @description To a user.
             */
            to_user?: number | null;
        };
        /** @description `pin`, `unpin`, `save` and `unsave`. */
        pin: {
            /**
             * Format: int64
             * @description Which message.
             */
            message_id: number;
            /** @constant */
            op: "pin";
        };
        /** @description `ping` has no fields of its own. */
        ping: {
            /** @constant */
            op: "ping";
        };
        /** @description `presence`: how the user of this client wants to be seen. */
        presence: {
            /** @constant */
            op: "presence";
            /** @description `online`, `away` or `invisible`. */
            status: string;
        };
        /** @description `react` and `unreact`. */
        react: {
            /** @description With what. */
            emoji: string;
            /**
             * Format: int64
             * @description Which message.
             */
            message_id: number;
            /** @constant */
            op: "react";
        };
        /** @description `delivered` and `read`: how far the client, or its user, has come. */
        read: {
            /**
             * Format: int64
             * @description In which conversation.
             */
            conversation_id: number;
            /** @constant */
            op: "read";
            /**
             * Format: int64
             * @description The last message.
             */
            seq: number;
            /**
             * Format: int64
             * @description Of `read`: the thread's root, where it is a thread that was read.
             */
            thread_id?: number | null;
        };
        /** @description `pin`, `unpin`, `save` and `unsave`. */
        save: {
            /**
             * Format: int64
             * @description Which message.
             */
            message_id: number;
            /** @constant */
            op: "save";
        };
        /** @description `send`: a message, to exactly one of `to_user`, `to_group` and `conversation_id`. */
        send: {
            /** @description The sender's key for this message: a retry under the same key gets the first result, and another message is refused (`key_reused`). */
            client_msg_id?: string | null;
            /**
             * @description Text, at most 16 KiB.
             * @example Hello, Jerry!
             */
            content?: string | null;
            /**
             * Format: int64
             * @description Into a conversation.
             */
            conversation_id?: number | null;
            /** @description An object of the application's own, at most 4 KiB. */
            custom?: Record<string, unknown> | null;
            /** @description What is attached, in place of `media_url`; at most 10. */
            media?: components["schemas"]["Media"][] | null;
            /** @description Where the media is, if there is one: `https://`, `http://`, or a path that begins with one `/`. */
            media_url?: string | null;
            /** @description Whether it calls upon all members. */
            mention_all?: boolean | null;
            /** @description The members it calls upon, by id; at most 100. */
            mentions?: number[] | null;
            /** @constant */
            op: "send";
            /**
             * Format: int64
             * @description The message that it answers.
             */
            reply_to?: number | null;
            /** @description Whether it grows while it is written. */
            streaming?: boolean | null;
            /**
             * Format: int64
             * @description The root of the thread that it belongs to.
             */
            thread_id?: number | null;
            /**
             * Format: int64
             * @description To a group.
             */
            to_group?: number | null;
            /**
             * Format: int64
             * @description To a user.
             */
            to_user?: number | null;
            /** @description `text`, `image`, `video`, `audio` or `file`; where absent, that of the first media, else `text`. */
            type?: string | null;
        };
        /** @description `typing`. */
        typing: {
            /**
             * Format: int64
             * @description In which conversation.
             */
            conversation_id: number;
            /** @constant */
            op: "typing";
        };
        /** @description `pin`, `unpin`, `save` and `unsave`. */
        unpin: {
            /**
             * Format: int64
             * @description Which message.
             */
            message_id: number;
            /** @constant */
            op: "unpin";
        };
        /** @description `react` and `unreact`. */
        unreact: {
            /** @description With what. */
            emoji: string;
            /**
             * Format: int64
             * @description Which message.
             */
            message_id: number;
            /** @constant */
            op: "unreact";
        };
        /** @description `pin`, `unpin`, `save` and `unsave`. */
        unsave: {
            /**
             * Format: int64
             * @description Which message.
             */
            message_id: number;
            /** @constant */
            op: "unsave";
        };
        /** @description `view`: the conversations that are on the screen, in place of the former ones. */
        view: {
            /** @description At most 20. */
            conversation_ids: number[];
            /** @constant */
            op: "view";
        };
        /** @description Something attached to a message; only `url` must be there. */
        Media: {
            /**
             * Format: int32
             * @description Its height in pixels.
             */
            height?: number;
            /** @description Its name. */
            name?: string;
            /**
             * Format: int64
             * @description Its size in bytes.
             */
            size?: number;
            /** @description `image`, `video`, `audio` or `file`. */
            type?: string;
            /** @description Where it is. */
            url: string;
            /**
             * Format: int32
             * @description Its width in pixels.
             */
            width?: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
