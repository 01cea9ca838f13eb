/** Generated from the server's AsyncAPI document by `npm run types`; changes by hand are lost. */

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description `append`: appends to a streaming message. */
        append: {
            /**
             * @description The text to add.
             * @example Once upon a time
             */
            content: string;
            /**
             * Format: int64
             * @description Id of the message.
             */
            message_id: number;
            /**
             * Format: int32
             * @description Length of the text before this chunk, in characters (Unicode code points).
             * @example 0
             */
            offset: number;
            /** @constant */
            op: "append";
        };
        /** @description `delete`: deletes a message for everyone, or only for the user. */
        delete: {
            /** @description `everyone` (the default) or `me`. */
            for?: string | null;
            /**
             * Format: int64
             * @description Id of the message.
             */
            message_id: number;
            /** @constant */
            op: "delete";
        };
        /** @description `delivered` and `read`: moves the client's or the user's pointer. */
        delivered: {
            /**
             * Format: int64
             * @description Id of the conversation.
             */
            conversation_id: number;
            /** @constant */
            op: "delivered";
            /**
             * Format: int64
             * @description `seq` of the last message delivered or read.
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
             * @description Id of the message.
             */
            message_id: number;
            /** @constant */
            op: "edit";
        };
        /** @description `finish`: ends a streaming message. */
        finish: {
            /** @description Whether the message stays incomplete. */
            abandoned?: boolean;
            /** @description Final text, if it should replace the streamed one. */
            content?: string | null;
            /**
             * Format: int64
             * @description Id of the message.
             */
            message_id: number;
            /** @constant */
            op: "finish";
        };
        /** @description `forward`: sends a message to another conversation. */
        forward: {
            /** @description The sender's key for the new message. */
            client_msg_id?: string | null;
            /**
             * Format: int64
             * @description Id of the conversation.
             */
            conversation_id?: number | null;
            /**
             * Format: int64
             * @description Id of the message.
             */
            message_id: number;
            /** @constant */
            op: "forward";
            /**
             * Format: int64
             * @description Id of the group.
             */
            to_group?: number | null;
            /**
             * Format: int64
             * @description Id of the recipient.
             */
            to_user?: number | null;
        };
        /** @description `pin`, `unpin`, `save` and `unsave`. */
        pin: {
            /**
             * Format: int64
             * @description Id of the message.
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
        /** @description `presence`: sets the presence that others see. */
        presence: {
            /** @constant */
            op: "presence";
            /** @description `online`, `away` or `invisible`. */
            status: string;
        };
        /** @description `react` and `unreact`. */
        react: {
            /** @description The emoji. */
            emoji: string;
            /**
             * Format: int64
             * @description Id of the message.
             */
            message_id: number;
            /** @constant */
            op: "react";
        };
        /** @description `delivered` and `read`: moves the client's or the user's pointer. */
        read: {
            /**
             * Format: int64
             * @description Id of the conversation.
             */
            conversation_id: number;
            /** @constant */
            op: "read";
            /**
             * Format: int64
             * @description `seq` of the last message delivered or read.
             */
            seq: number;
            /**
             * Format: int64
             * @description For `read`: id of the thread's root, if a thread was read.
             */
            thread_id?: number | null;
        };
        /** @description `pin`, `unpin`, `save` and `unsave`. */
        save: {
            /**
             * Format: int64
             * @description Id of the message.
             */
            message_id: number;
            /** @constant */
            op: "save";
        };
        /** @description `send`: a message, to exactly one of `to_user`, `to_group` and `conversation_id`. */
        send: {
            /** @description The sender's key for this message, at most 128 bytes. A retry with the same key gets the first result; a different message is refused (`key_reused`). */
            client_msg_id?: string | null;
            /**
             * @description Text, at most 16 KiB.
             * @example Hello, Jerry!
             */
            content?: string | null;
            /**
             * Format: int64
             * @description Id of the conversation.
             */
            conversation_id?: number | null;
            /** @description Custom JSON object of the application, at most 4 KiB. */
            custom?: Record<string, unknown> | null;
            /** @description Attachments, instead of `media_url`; at most 10. */
            media?: components["schemas"]["Media"][] | null;
            /** @description URL of one attachment: `https://`, `http://`, or a path that begins with one `/`. */
            media_url?: string | null;
            /** @description Whether all members are mentioned. */
            mention_all?: boolean | null;
            /** @description Ids of mentioned members; at most 100. */
            mentions?: number[] | null;
            /** @constant */
            op: "send";
            /**
             * Format: int64
             * @description Id of the message that this one replies to.
             */
            reply_to?: number | null;
            /** @description Whether the text grows by `append` until `finish`. */
            streaming?: boolean | null;
            /**
             * Format: int64
             * @description Id of the root of the thread that this message belongs to.
             */
            thread_id?: number | null;
            /**
             * Format: int64
             * @description Id of the group.
             */
            to_group?: number | null;
            /**
             * Format: int64
             * @description Id of the recipient.
             */
            to_user?: number | null;
            /** @description `text`, `image`, `video`, `audio` or `file`. Default: the type of the first attachment, else `text`. */
            type?: string | null;
        };
        /** @description `typing`. */
        typing: {
            /**
             * Format: int64
             * @description Id of the conversation.
             */
            conversation_id: number;
            /** @constant */
            op: "typing";
        };
        /** @description `pin`, `unpin`, `save` and `unsave`. */
        unpin: {
            /**
             * Format: int64
             * @description Id of the message.
             */
            message_id: number;
            /** @constant */
            op: "unpin";
        };
        /** @description `react` and `unreact`. */
        unreact: {
            /** @description The emoji. */
            emoji: string;
            /**
             * Format: int64
             * @description Id of the message.
             */
            message_id: number;
            /** @constant */
            op: "unreact";
        };
        /** @description `pin`, `unpin`, `save` and `unsave`. */
        unsave: {
            /**
             * Format: int64
             * @description Id of the message.
             */
            message_id: number;
            /** @constant */
            op: "unsave";
        };
        /** @description `view`: sets the conversations on the screen, replacing the former ones. */
        view: {
            /** @description At most 20. */
            conversation_ids: number[];
            /** @constant */
            op: "view";
        };
        /** @description A link attached to a message. Only `url` is required. */
        Media: {
            /**
             * Format: int32
             * @description Height in pixels.
             */
            height?: number;
            /** @description File name to show. */
            name?: string;
            /**
             * Format: int64
             * @description Size in bytes.
             */
            size?: number;
            /** @description `image`, `video`, `audio` or `file`. */
            type?: string;
            /** @description `https://`, `http://`, or a path on this server that begins with one `/`. */
            url: string;
            /**
             * Format: int32
             * @description Width in pixels.
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
