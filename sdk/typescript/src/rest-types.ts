/** Generated from the server's OpenAPI document by `npm run types`; changes by hand are lost. */

export interface paths {
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns 200 while the process is alive. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Health"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ping": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns `pong` and the storage engine. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Pong"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns 200 only when a durable write would succeed now; it makes one to find out, and waits at most 1.5
         *     seconds for it. A node of a cluster also reports the state of its bus and clock, which do not affect readiness.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Readiness"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/chats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the last message of each of the caller's conversations, newest first; `Link: rel="next"` leads to the next page. */
        get: {
            parameters: {
                query?: {
                    /** @description Maximum number of entries, 1 to 1000. */
                    limit?: number;
                    /** @description That of the `Link` to the next page. */
                    cursor?: string;
                    /** @description 1: message objects are `LeanMessage`s, without the members that have their default values. Default: 0. */
                    lean?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Message"][];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/conversations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the caller's conversations, the one with the newest message first. */
        get: {
            parameters: {
                query?: {
                    /** @description Maximum number of entries, 1 to 200. */
                    limit?: number;
                    /** @description `next_cursor` of the previous page. */
                    cursor?: string;
                    /** @description 1: message objects are `LeanMessage`s, without the members that have their default values. Default: 0. */
                    lean?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Conversations"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/conversations/read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Marks conversations as read up to their last messages: all, or those in `conversation_ids`, at most 1000. The other
         *     members and the caller's clients get the same receipts as from reading each of them. Repeating it changes nothing.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ReadManyRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MarkedRead"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/conversations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns one conversation with its last message; members only. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Conversation"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/conversations/{id}/delivered": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Moves the caller's delivered pointer up to a message. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["DeliveredRequest"];
                };
            };
            responses: {
                /** @description The pointer was stored */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/conversations/{id}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists messages of a conversation or of one of its threads, oldest first; members only. */
        get: {
            parameters: {
                query?: {
                    /** @description Only messages with a smaller `seq`; without this, `after_seq` and `at`, the newest. */
                    before_seq?: number;
                    /** @description Only messages with a larger `seq`, oldest first; not together with `before_seq`. */
                    after_seq?: number;
                    /**
                     * @description The page around this time: about half of it are messages sent earlier, and the others begin with the first one
                     *     sent at this time or later. Not together with `before_seq` or `after_seq`.
                     * @example 2025-10-25T16:00:00Z
                     */
                    at?: components["schemas"]["Time"];
                    /** @description Maximum number of entries, 1 to 200. */
                    limit?: number;
                    /** @description Only the replies in the thread of this message. */
                    thread_id?: number;
                    /** @description 1: message objects are `LeanMessage`s, without the members that have their default values. Default: 0. */
                    lean?: number;
                };
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["History"];
                    };
                };
            };
        };
        put?: never;
        /** Sends a message to a conversation; members only. The answer comes after the message is on disk. */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description The same as `client_msg_id` in the body: a retry with the same key gets the first result; a different message is refused (`key_reused`). */
                    "Idempotency-Key"?: string | null;
                };
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SendRequest"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Sent"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/conversations/{id}/pins": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the pinned messages of a conversation, most recently pinned first; members only. */
        get: {
            parameters: {
                query?: {
                    /** @description Maximum number of entries, 1 to 200. */
                    limit?: number;
                    /** @description 1: message objects are `LeanMessage`s, without the members that have their default values. Default: 0. */
                    lean?: number;
                };
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Message"][];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/conversations/{id}/presence": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the presence of a conversation's members, at most 200; members only. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Presence"][];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/conversations/{id}/read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Moves the caller's read pointer up to a message; with `thread_id`, in that thread. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ReadRequest"];
                };
            };
            responses: {
                /** @description The pointer was stored */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/conversations/{id}/receipts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists each member's pointers, in order of user id; members only. */
        get: {
            parameters: {
                query?: {
                    /** @description Only members with a larger id. */
                    after_id?: number;
                    /** @description Maximum number of entries, 1 to 1000. */
                    limit?: number;
                };
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MemberReceipt"][];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/conversations/{id}/state": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Changes the caller's state of a conversation: muted, archived, pinned, marked as unread, draft. */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["StateRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Conversation"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/v1/conversations/{id}/typing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Signals to the connected members that the caller is typing. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The signal was sent */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the groups of which the caller is a member, oldest first; `Link: rel="next"` leads from a page to the next. */
        get: {
            parameters: {
                query?: {
                    /** @description Only names in which a word begins with this, regardless of case and accents. */
                    q?: string;
                    /** @description Maximum number of entries, 1 to 1000. Without `limit` and `cursor`, the list is whole. */
                    limit?: number;
                    /** @description That of the `Link` to the next page. */
                    cursor?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Group"][];
                    };
                };
            };
        };
        put?: never;
        /** Creates a group that the caller owns. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["CreateGroupRequest"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["GroupCreated"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/groups/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Renames a group; owner and admins only. */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["RenameGroupRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Group"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/v1/groups/{id}/members": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists a group's members in the order of their ids; members only. `Link: rel="next"` leads from a page to the next. */
        get: {
            parameters: {
                query?: {
                    /** @description Maximum number of entries, 1 to 1000. Without `limit` and `cursor`, the list is whole. */
                    limit?: number;
                    /** @description That of the `Link` to the next page. */
                    cursor?: string;
                };
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Member"][];
                    };
                };
            };
        };
        put?: never;
        /** Adds a user to a group; owner and admins only. Adding a member again changes nothing. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["AddMemberRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Done"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/groups/{id}/members/{userId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Removes a member from a group (owner and admins), or leaves it. Only the owner may remove admins, and must
         *     make another member the owner before leaving.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                    userId: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Done"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /** Changes a member's role; owner only. Making another member the owner makes the caller an admin. */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                    userId: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ChangeRoleRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Done"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/v1/groups/{id}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists messages of a group's conversation, oldest first; members only. */
        get: {
            parameters: {
                query?: {
                    /** @description Maximum number of entries, 1 to 200. */
                    limit?: number;
                    /** @description Only messages with a smaller id; without this, the newest. */
                    before_id?: number;
                    /** @description 1: message objects are `LeanMessage`s, without the members that have their default values. Default: 0. */
                    lean?: number;
                };
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["History"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages/group/{groupID}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sends a message to a group; members only. The answer comes after the message is on disk. */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description The same as `client_msg_id` in the body: a retry with the same key gets the first result; a different message is refused (`key_reused`). */
                    "Idempotency-Key"?: string | null;
                };
                path: {
                    groupID: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SendRequest"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Sent"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages/history/{userID}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists messages of the caller's conversation with a user, oldest first. */
        get: {
            parameters: {
                query?: {
                    /** @description Maximum number of entries, 1 to 200. */
                    limit?: number;
                    /** @description Only messages with a smaller id; without this, the newest. */
                    before_id?: number;
                    /** @description 1: message objects are `LeanMessage`s, without the members that have their default values. Default: 0. */
                    lean?: number;
                };
                header?: never;
                path: {
                    userID: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["History"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages/p2p/{userID}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sends a message to a user. The answer comes after the message is on disk. */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description The same as `client_msg_id` in the body: a retry with the same key gets the first result; a different message is refused (`key_reused`). */
                    "Idempotency-Key"?: string | null;
                };
                path: {
                    userID: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SendRequest"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Sent"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns one message; members of its conversation only. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Message"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /** Deletes a message for everyone (author; in a group also owner and admins), or only for the caller. */
        delete: {
            parameters: {
                query?: {
                    /** @description `everyone` (default) or `me`. */
                    for?: "everyone" | "me";
                };
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Deleted for everyone: the remaining message */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Message"];
                    };
                };
                /** @description Deleted for the caller */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        options?: never;
        head?: never;
        /** Replaces a message's text; author only. */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["EditRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Message"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/v1/messages/{id}/append": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Appends to a message that was sent with `streaming`; author only. A repeated chunk gets the same answer again;
         *     one with a wrong offset is refused with `offset_mismatch`.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["AppendRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Appended"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages/{id}/finish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends a message that was sent with `streaming`; author only. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["FinishRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Message"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages/{id}/forward": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Forwards a message to another conversation, without its mentions. */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description The same as `client_msg_id` in the body: a retry with the same key gets the first result; a different message is refused (`key_reused`). */
                    "Idempotency-Key"?: string | null;
                };
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ForwardRequest"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Sent"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages/{id}/pin": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Pins a message in its conversation, for all members to see. */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Message"];
                    };
                };
            };
        };
        post?: never;
        /** Unpins a message. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Message"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages/{id}/reactions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the reactions to a message, oldest first; members of its conversation only. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Reactor"][];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages/{id}/reactions/{emoji}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Reacts to a message; doing so twice changes nothing. */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                    emoji: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Message"];
                    };
                };
            };
        };
        post?: never;
        /** Removes the caller's reaction. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                    emoji: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Message"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages/{id}/saved": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Saves a message for the caller. */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The message is saved */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        post?: never;
        /** Removes a message from the caller's saved messages. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The message is not saved */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages/{id}/thread": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns the thread of a message with the caller's pointer and unread count; list its replies with `thread_id` in the conversation's messages. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Thread"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages/{id}/trace": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Traces one message: when it was accepted, committed, sent to clients, delivered and read; author, owner and
         *     admins only. The answering server remembers the times of the last 10,000 messages.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MessageTrace"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages/{id}/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the earlier texts of a message, oldest first; members of its conversation only. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Version"][];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/saved": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the messages that the caller has saved and may still see, newest first. */
        get: {
            parameters: {
                query?: {
                    /** @description Maximum number of entries, 1 to 200. */
                    limit?: number;
                    /** @description Only messages with a smaller id; without this, the newest. */
                    before_id?: number;
                    /** @description 1: message objects are `LeanMessage`s, without the members that have their default values. Default: 0. */
                    lean?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Newest first */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["History"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Searches the messages that the caller may see. A message may be found about a second after it was sent. */
        get: {
            parameters: {
                query?: {
                    /**
                     * @description Words, all of which must match; `"a phrase"`, `begin*`. Optional with a filter by sender, conversation or
                     *     media.
                     * @example "blue cheese" mou*
                     */
                    q?: string;
                    /** @description Only messages of this sender. */
                    sender_id?: number;
                    /** @description Only messages of this conversation. */
                    conversation_id?: number;
                    /** @description Only messages sent at or after this time. */
                    since?: components["schemas"]["Time"];
                    /** @description Only messages sent before this time. */
                    until?: components["schemas"]["Time"];
                    /** @description Only messages with (`true`) or without (`false`) an attachment. */
                    has_media?: boolean;
                    /** @description Only messages with a smaller id: the next page with the order `newest`. */
                    before_id?: number;
                    /** @description `newest` (default) or `best`. */
                    order?: "newest" | "best";
                    /** @description Maximum number of entries, 1 to 100. */
                    limit?: number;
                    /** @description 1: message objects are `LeanMessage`s, without the members that have their default values. Default: 0. */
                    lean?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description In the requested order, newest first by default */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["History"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/test-auth": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns the id of the token's user. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["AccessGranted"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/unread": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns the unread counts of all conversations that are not muted. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Totals"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists users in the order of their ids; `Link: rel="next"` leads to the next page. */
        get: {
            parameters: {
                query?: {
                    /** @description Only names in which a word begins with this (`q=ca` finds `Tom Cat`), regardless of case and accents. */
                    q?: string;
                    /** @description Maximum number of entries, 1 to 1000. */
                    limit?: number;
                    /** @description Only users with a larger id. */
                    after_id?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["User"][];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Logs in with an email address or a username, and the password; returns a token.
         *     Names, addresses and passwords are compared in the Unicode form NFKC, so that the keyboard does not matter.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["LoginRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["LoggedIn"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Logs out: revokes the token that was sent, or with `everywhere` all of the caller's tokens. Streams opened
         *     with them end within a second.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["LogoutRequest"] | null;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Done"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Changes the caller's password; needs the current one. All tokens are revoked, and the answer has a new one. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ChangePasswordRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PasswordChanged"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/register": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Registers an account and logs it in.
         *     A username has 3 to 32 visible characters, including a letter or a digit, and no `@`. It is stored in the
         *     Unicode form NFKC with single spaces; words such as `all` and `admin` are reserved. Names are unique regardless of
         *     case, and must not look like a registered name in another script. A password has 8 to 128 characters, is not
         *     blank, and is neither the username nor the email address.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["RegisterRequest"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Registered"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/with-chat-info": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists users, each with the last message between that user and the caller. */
        get: {
            parameters: {
                query?: {
                    /** @description Only names in which a word begins with this (`q=ca` finds `Tom Cat`), regardless of case and accents. */
                    q?: string;
                    /** @description Maximum number of entries, 1 to 1000. */
                    limit?: number;
                    /** @description Only users with a larger id. */
                    after_id?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["UserWithChatInfo"][];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns one user. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["User"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ws-ticket": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Creates a ticket that opens one WebSocket connection, for clients that can't send headers with it. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WsTicket"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description `GET /v1/test-auth`. */
        AccessGranted: {
            /** @description `Access granted`. */
            message: string;
            /**
             * Format: int64
             * @description Id of the token's user.
             * @example 3
             */
            user_id: number;
        };
        /** @description A request to add a member. */
        AddMemberRequest: {
            /**
             * Format: int64
             * @description Id of the user to add.
             * @example 2
             */
            user_id: number;
        };
        /** @description A chunk to append to a streaming message. */
        AppendRequest: {
            /**
             * @description The text to add.
             * @example Once upon a time
             */
            content: string;
            /**
             * Format: int32
             * @description Length of the text before this chunk, in characters (Unicode code points).
             * @example 0
             */
            offset: number;
        };
        /** @description The answer to an append. */
        Appended: {
            /**
             * Format: int32
             * @description Length of the text with this chunk, in characters.
             */
            length: number;
            /**
             * Format: int64
             * @description Id of the message.
             */
            message_id: number;
            /**
             * Format: int64
             * @description The message's `rev` with this chunk.
             */
            rev: number;
        };
        /**
         * @description State of the bus between the nodes of a cluster. With `down` or `none`, the node serves clients all the same: it
         *     reads the events of other nodes from the database, so that their messages arrive a little later, and the presence
         *     and typing of their users not at all.
         * @enum {string}
         */
        Bus: "up" | "down" | "none";
        /** @description A request to change the caller's password, which revokes all tokens. */
        ChangePasswordRequest: {
            /**
             * Format: password
             * @description 8 to 128 characters.
             */
            new_password: string;
            /**
             * Format: password
             * @description The current password.
             */
            old_password: string;
        };
        /** @description A request to give a member another role. */
        ChangeRoleRequest: {
            /**
             * @description `admin`, `member`, or `owner`, which makes the caller an admin.
             * @example admin
             */
            role: string;
        };
        /** @description A conversation. A frame about a change that concerns all members omits the per-member state. */
        Conversation: (components["schemas"]["OwnPart"] | null) & {
            /** @description When the conversation was created. */
            created_at: components["schemas"]["Time"];
            /**
             * Format: int64
             * @description Group: its id.
             */
            group_id: number | null;
            /**
             * Format: int64
             * @description Id of the conversation.
             * @example 1
             */
            id: number;
            /**
             * @description `direct` or `group`.
             * @example direct
             */
            kind: string;
            /** @description The newest message; omitted in some frames. */
            last_message?: components["schemas"]["Message"];
            /**
             * Format: int64
             * @description `seq` of the last message.
             * @example 2
             */
            last_seq: number;
            /**
             * Format: int32
             * @description Number of members.
             * @example 2
             */
            n_members: number;
            /** @description Group: its name. */
            name: string | null;
            /**
             * Format: int64
             * @description Group: id of the owner.
             */
            owner_id: number | null;
            /**
             * Format: int64
             * @description Number of changes of every kind.
             * @example 3
             */
            rev: number;
            /**
             * Format: int64
             * @description Direct: id of the other user.
             */
            user_id: number | null;
        };
        /** @description A page of conversations, the one with the newest message first. */
        Conversations: {
            /** @description The conversations of the page. */
            conversations: components["schemas"]["Conversation"][];
            /** @description Pass as `?cursor=` for the next page; null on the last one. */
            next_cursor: string | null;
        };
        /** @description A request for a new group. */
        CreateGroupRequest: {
            /**
             * @description 1 to 100 characters.
             * @example Cheese lovers
             */
            name: string;
        };
        /** @description The delivered pointer of a client of the caller. */
        DeliveredRequest: {
            /**
             * Format: int64
             * @description `seq` of the last message that the client has.
             * @example 2
             */
            seq: number;
        };
        /** @description An answer without data. */
        Done: {
            /** @description For instance `Member added successfully`. */
            message: string;
        };
        /** @description A new text for a message. */
        EditRequest: {
            /**
             * @description Text, at most 16 KiB.
             * @example Hello, dear Jerry!
             */
            content: string;
        };
        /** @description A node that sent a message to its clients. */
        FanOut: {
            at: components["schemas"]["Time"] | null;
            /**
             * Format: int64
             * @description Number of connections.
             * @example 2
             */
            connections: number;
            /** @description Id of the node; null for a single server. */
            node: string | null;
        };
        /** @description The end of a streaming message. */
        FinishRequest: {
            /** @description Whether the message stays incomplete. */
            abandoned?: boolean;
            /** @description Final text, if it should replace the streamed one. */
            content?: string | null;
        };
        /** @description Destination of a forwarded message: exactly one of the three ids. */
        ForwardRequest: {
            /** @description The sender's key for the new message. */
            client_msg_id?: string | null;
            /**
             * Format: int64
             * @description Id of the conversation.
             */
            conversation_id?: number | null;
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
        /** @description Origin of a forwarded message. */
        Forwarded: {
            /**
             * Format: int64
             * @description Id of the message that was forwarded first.
             */
            message_id: number;
            /**
             * Format: int64
             * @description Id of the author.
             */
            sender_id: number;
        };
        /** @description A group. */
        Group: {
            /** @description When it was created. */
            created_at: components["schemas"]["Time"];
            /**
             * Format: int64
             * @description Id of the group.
             * @example 1
             */
            id: number;
            /**
             * @description Name of the group.
             * @example Cheese lovers
             */
            name: string;
            /**
             * Format: int64
             * @description Id of the owner.
             * @example 1
             */
            owner_id: number;
        };
        /** @description A new group. */
        GroupCreated: {
            /**
             * Format: int64
             * @description The same as `id`.
             * @example 1
             */
            group_id: number;
            /**
             * Format: int64
             * @description Id of the group.
             * @example 1
             */
            id: number;
            /** @description `Group created successfully`. */
            message: string;
            /** @description The name, trimmed. */
            name: string;
            /**
             * Format: int64
             * @description Id of the owner, the caller.
             * @example 1
             */
            owner_id: number;
        };
        /** @description `GET /healthz`. */
        Health: {
            /**
             * @description Always `ok`.
             * @example ok
             */
            status: string;
        };
        /** @description A page of messages, oldest first. */
        History: {
            /**
             * @description Number of messages in this page.
             * @example 1
             */
            count: number;
            /** @description The messages of the page. */
            messages: components["schemas"]["Message"][];
        };
        /** @description A login that succeeded. */
        LoggedIn: {
            /** @description When the token expires. */
            expires_at: components["schemas"]["Time"];
            /** @description `Login successful`. */
            message: string;
            /** @description A JWT. */
            token: string;
            /**
             * Format: int64
             * @description Id of the account.
             * @example 1
             */
            user_id: number;
            /**
             * @description The account's name.
             * @example tom
             */
            username: string;
        };
        /** @description A request to log in: the password, and either `email` or `username`. */
        LoginRequest: {
            /**
             * @description The email address, unless `username` is given.
             * @example tom@temp.com
             */
            email?: string | null;
            /**
             * Format: password
             * @description The password.
             * @example password123
             */
            password: string;
            /**
             * @description The username, unless `email` is given.
             * @example tom
             */
            username?: string | null;
        };
        /** @description A request to log out. */
        LogoutRequest: {
            /** @description Whether to revoke all of the caller's tokens instead of only the one that was sent. */
            everywhere?: boolean;
        };
        /** @description The conversations that were marked as read. */
        MarkedRead: {
            /** @description Those of `conversation_ids` that do not exist or of which the caller is not a member. */
            not_found: number[];
            /** @description Those that were not read up to their last messages, or were marked as unread. */
            read: components["schemas"]["ReadPointer"][];
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
        /** @description A member of a group. */
        Member: {
            /**
             * Format: int64
             * @description Id of the member's account.
             * @example 1
             */
            id: number;
            /**
             * @description `owner`, `admin` or `member`.
             * @example owner
             */
            role: string;
            /**
             * @description The member's name.
             * @example tom
             */
            username: string;
        };
        /** @description A member's delivered and read pointers. */
        MemberReceipt: {
            /**
             * Format: int64
             * @description `seq` of the last message that a client of the member has confirmed.
             */
            delivered_seq: number;
            /**
             * Format: int64
             * @description `seq` of the last message that the member has read.
             */
            read_seq: number;
            /**
             * Format: int64
             * @description Id of the user.
             * @example 2
             */
            user_id: number;
        };
        /** @description A message. */
        Message: {
            /** @description The sender's key, if it was sent with one. */
            client_msg_id: string | null;
            /** @description Text; empty if the message was deleted. */
            content: string;
            /**
             * Format: int64
             * @description Id of the message's conversation.
             * @example 1
             */
            conversation_id: number;
            /** @description Custom JSON object of the application. */
            custom: Record<string, unknown> | null;
            deleted_at: components["schemas"]["Time"] | null;
            edited_at: components["schemas"]["Time"] | null;
            forwarded_from: components["schemas"]["Forwarded"] | null;
            /**
             * Format: int64
             * @description Id of the group; 0 in a direct message.
             * @example 0
             */
            group_id: number;
            /**
             * Format: int64
             * @description Id of the message, unique on the server.
             * @example 7
             */
            id: number;
            /** @description Attachments. */
            media: components["schemas"]["Media"][];
            /** @description URL of the first attachment; empty without one. */
            media_url: string;
            /** @description Whether all members are mentioned. */
            mention_all: boolean;
            /** @description Ids of mentioned members. */
            mentions: number[];
            pinned_at: components["schemas"]["Time"] | null;
            /**
             * Format: int64
             * @description Id of the user who pinned it.
             */
            pinned_by: number | null;
            quote: components["schemas"]["Quote"] | null;
            /** @description Reactions, in order of first use. */
            reactions: components["schemas"]["Reaction"][];
            /**
             * Format: int64
             * @description Id of the recipient; 0 in a group message.
             * @example 2
             */
            recipient_id: number;
            /**
             * Format: int64
             * @description Id of the message that this one replies to.
             */
            reply_to: number | null;
            /**
             * Format: int64
             * @description The conversation's `rev` at the last change of this message.
             * @example 1
             */
            rev: number;
            /**
             * Format: int64
             * @description Id of the author.
             * @example 1
             */
            sender_id: number;
            /**
             * Format: int64
             * @description Number of the message in its conversation: 1, 2, 3 … without gaps.
             * @example 1
             */
            seq: number;
            /**
             * @description `PENDING`, `DELIVERED` or `READ` for a direct message, `SENT` for a group message.
             * @example DELIVERED
             */
            status: string;
            /** @description `growing`, `finished` or `abandoned`; null for messages sent in one piece. */
            streaming: string | null;
            thread: components["schemas"]["ThreadSummary"] | null;
            /**
             * Format: int64
             * @description Id of the root of the thread that contains this message.
             */
            thread_id: number | null;
            /** @description When the server accepted the message. */
            timestamp: components["schemas"]["Time"];
            /**
             * @description `text`, `image`, `video`, `audio` or `file`.
             * @example text
             */
            type: string;
        };
        /** @description The delivery of one message: what is stored, and what the answering server still remembers. */
        MessageTrace: {
            /** @description When the server accepted the message. */
            accepted_at: components["schemas"]["Time"];
            committed_at: components["schemas"]["Time"] | null;
            /**
             * @description Whether nothing is missing. False if the answering server has restarted or forgotten since, and always in
             *     a cluster, where each node reports only what it saw itself.
             */
            complete: boolean;
            /**
             * Format: int64
             * @description Id of the message's conversation.
             * @example 1
             */
            conversation_id: number;
            /** @description Nodes that sent it to connected clients; empty if the answering server has forgotten. */
            fanned_out: components["schemas"]["FanOut"][];
            /** @description Delivery to the members of that time who still are members, without the author; at most 200. */
            members: components["schemas"]["TracedMember"][];
            /**
             * Format: int64
             * @description Id of the message.
             * @example 3
             */
            message_id: number;
            /**
             * Format: int64
             * @description Log position of the message's creation.
             * @example 6
             */
            position: number;
            /**
             * Format: int64
             * @description Number of the message in its conversation.
             * @example 3
             */
            seq: number;
        };
        /** @description State of a conversation that belongs to one member. */
        OwnPart: {
            /** @description Whether the conversation is archived. */
            archived: boolean;
            /** @description What the caller may do: `post`, `react`, `pin`, `delete_any`, `add_member`, `remove_member`, `rename`, `change_role`. */
            capabilities: string[];
            /**
             * Format: int64
             * @description `seq` of the last message that a client of the caller has confirmed.
             */
            delivered_seq: number;
            /** @description Text that the caller has not sent yet. */
            draft: string | null;
            /** @description Whether the caller marked the conversation as unread. */
            marked_unread: boolean;
            /**
             * Format: int32
             * @description Number of those that mention the caller or everyone.
             */
            mentions: number;
            muted_until: components["schemas"]["Time"] | null;
            /** @description Whether the conversation is pinned to the top. */
            pinned: boolean;
            /**
             * Format: int64
             * @description `seq` of the last message that the caller has read.
             */
            read_seq: number;
            /** @description `owner`, `admin` or `member`; null for a user who is no longer a member. */
            role: string | null;
            /**
             * Format: int32
             * @description Number of later messages by others that are neither deleted nor hidden by the caller.
             */
            unread: number;
        };
        /** @description The answer to a password change. */
        PasswordChanged: {
            /** @description `Password changed successfully`. */
            message: string;
            /** @description A new JWT; all earlier ones are revoked. */
            token: string;
        };
        /** @description `GET /ping`. */
        Pong: {
            /**
             * @description `sqlite3` or `postgres`.
             * @example sqlite3
             */
            db_driver: string;
            /**
             * @description Always `pong`.
             * @example pong
             */
            message: string;
        };
        /** @description A user's presence. */
        Presence: {
            last_seen: components["schemas"]["Time"] | null;
            /**
             * @description `online`, `away` or `offline`.
             * @example online
             */
            status: string;
            /**
             * Format: int64
             * @description Id of the user.
             * @example 2
             */
            user_id: number;
        };
        /** @description An error. `error` and `detail` are equal; `error` is for early clients. */
        Problem: {
            /**
             * @description Stable name for programs.
             * @example invalid_request
             */
            code: string;
            /** @description A sentence for people. */
            detail: string;
            /**
             * @description The same sentence as `detail`.
             * @example Invalid request format: username must be 3 to 32 characters
             */
            error: string;
            /** @description Identifies this request in the server's log. */
            request_id: string;
            /**
             * Format: int32
             * @description The HTTP status.
             * @example 400
             */
            status: number;
            /**
             * @description Reason phrase of the status.
             * @example Bad Request
             */
            title: string;
            /** @description `about:blank`, because `code` names the problem; or the registered type for an exceeded limit. */
            type: string;
            /** @description Names of the exceeded limits, if any. */
            "violated-policies"?: string[];
        };
        /** @description The message that a reply refers to, in its present state. */
        Quote: {
            /** @description At most 200 characters of the text; empty if the message was deleted. */
            content: string;
            /** @description Whether the message was deleted. */
            deleted: boolean;
            /**
             * Format: int64
             * @description Id of the message.
             */
            message_id: number;
            /**
             * Format: int64
             * @description Id of the author.
             */
            sender_id: number;
        };
        /** @description An emoji under a message. */
        Reaction: {
            /**
             * Format: int32
             * @description Number of users who reacted with it.
             * @example 2
             */
            count: number;
            /**
             * @description The emoji.
             * @example 👍
             */
            emoji: string;
            /** @description Whether the caller is one of those users. */
            me: boolean;
        };
        /** @description A member's reaction. */
        Reactor: {
            /** @description When the user reacted. */
            at: components["schemas"]["Time"];
            /**
             * @description The emoji.
             * @example 👍
             */
            emoji: string;
            /**
             * Format: int64
             * @description Id of the user.
             * @example 2
             */
            user_id: number;
        };
        /** @description Conversations that the caller has read up to their last messages. An empty object means all. */
        ReadManyRequest: {
            /** @description All conversations with unread messages or marked as unread; not together with `conversation_ids`. */
            all?: boolean | null;
            /** @description Only these conversations, at most 1000. */
            conversation_ids?: number[];
        };
        /** @description The caller's read pointer in a conversation. */
        ReadPointer: {
            /**
             * Format: int64
             * @description Id of the conversation.
             * @example 1
             */
            conversation_id: number;
            /**
             * Format: int64
             * @description `seq` of its last message.
             * @example 2
             */
            read_seq: number;
        };
        /** @description The caller's read pointer in a conversation, or in one of its threads. */
        ReadRequest: {
            /**
             * Format: int64
             * @description `seq` of the last message read.
             * @example 2
             */
            seq: number;
            /**
             * Format: int64
             * @description Id of the thread's root, if a thread was read.
             */
            thread_id?: number | null;
        };
        /** @description `GET /readyz`. */
        Readiness: {
            /** @description State of the bus to the other nodes of a cluster; omitted on SQLite. */
            bus?: components["schemas"]["Bus"];
            /**
             * Format: int64
             * @description How far the clock of the server's machine is ahead of the database's, in milliseconds; negative if it is behind.
             *     Measured some seconds ago; omitted if the database has no clock of its own (SQLite) or was not reachable then.
             * @example -12
             */
            clock_skew_ms?: number;
            /**
             * @description Always `ready`.
             * @example ready
             */
            status: string;
        };
        /** @description A request to register. */
        RegisterRequest: {
            /**
             * Format: email
             * @description Unique regardless of case.
             * @example spike@temp.com
             */
            email: string;
            /**
             * Format: password
             * @description 8 to 128 characters.
             * @example bulldog-42
             */
            password: string;
            /**
             * @description 3 to 32 visible characters; unique regardless of case and look.
             * @example spike
             */
            username: string;
        };
        /** @description A new account. */
        Registered: {
            /** @description The email address as stored. */
            email: string;
            /**
             * Format: int64
             * @description Id of the account.
             * @example 3
             */
            id: number;
            /** @description `User registered successfully`. */
            message: string;
            /** @description A JWT for the new account. */
            token: string;
            /** @description The name as stored and shown. */
            username: string;
        };
        /** @description A request to rename a group. */
        RenameGroupRequest: {
            /**
             * @description 1 to 100 characters.
             * @example Cheese lovers
             */
            name: string;
        };
        /** @description A message to send. At least one of `content`, `media_url` and `media` is required. */
        SendRequest: {
            /** @description The sender's key for this message, at most 128 bytes. A retry with the same key gets the first result; a different message is refused (`key_reused`). */
            client_msg_id?: string | null;
            /**
             * @description Text, at most 16 KiB.
             * @example Hello, Jerry!
             */
            content?: string | null;
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
            /** @description `text`, `image`, `video`, `audio` or `file`. Default: the type of the first attachment, else `text`. */
            type?: string | null;
        };
        /** @description A stored message, as the answer to a send. */
        Sent: {
            /** @description The sender's key, if it was sent with one. */
            client_msg_id: string | null;
            /**
             * Format: int64
             * @description Id of the message's conversation.
             * @example 1
             */
            conversation_id: number;
            /** @description Whether this repeats the result of an earlier request with the same key. */
            duplicate: boolean;
            /**
             * Format: int64
             * @description Id of the message, unique on the server.
             * @example 7
             */
            id: number;
            /** @description A sentence about the result. */
            message: string;
            /**
             * Format: int64
             * @description The conversation's `rev` with this message.
             * @example 1
             */
            rev: number;
            /**
             * Format: int64
             * @description Number of the message in its conversation: 1, 2, 3 … without gaps.
             * @example 1
             */
            seq: number;
            /**
             * @description The same as in the message object.
             * @example PENDING
             */
            status: string;
            /** @description When the server accepted the message. */
            timestamp: components["schemas"]["Time"];
            /**
             * @description The same as in the message object.
             * @example text
             */
            type: string;
        };
        /** @description Changes to the caller's per-member state. Omitted fields stay as they are. */
        StateRequest: {
            /** @description Archive, or move back. */
            archived?: boolean | null;
            /** @description Save a draft; null to remove it. */
            draft?: string | null;
            /** @description Mark as unread, or remove the mark. */
            marked_unread?: boolean | null;
            muted_until?: components["schemas"]["Time"] | null;
            /** @description Pin to the top, or unpin. */
            pinned?: boolean | null;
        };
        /** @description A thread as the caller sees it; its replies are read from the conversation with `thread_id`. */
        Thread: {
            /**
             * Format: int64
             * @description `seq` of the last reply that the caller has read.
             */
            read_seq: number;
            /** @description The root message. */
            root: components["schemas"]["Message"];
            /**
             * Format: int32
             * @description Number of later replies by others.
             */
            unread: number;
        };
        /** @description Summary of the replies to a thread's root. */
        ThreadSummary: {
            /** @description When the last reply was sent. */
            last_reply_at: components["schemas"]["Time"];
            /**
             * Format: int32
             * @description Number of replies; deleted ones count.
             * @example 2
             */
            replies: number;
        };
        /** Format: date-time */
        Time: string;
        /** @description Unread counts over all conversations. */
        Totals: {
            /**
             * Format: int32
             * @description Number of conversations with unread messages.
             * @example 2
             */
            conversations: number;
            /**
             * Format: int32
             * @description Number of those that mention the caller or everyone.
             * @example 1
             */
            mentions: number;
            /**
             * Format: int32
             * @description Number of unread messages in conversations that are not muted.
             * @example 3
             */
            unread: number;
        };
        /** @description How a message reached a member. */
        TracedMember: {
            /** @description Whether a client of the member has confirmed the message. */
            delivered: boolean;
            delivered_at: components["schemas"]["Time"] | null;
            /** @description Whether the member has read the message. */
            read: boolean;
            read_at: components["schemas"]["Time"] | null;
            /**
             * Format: int64
             * @description Id of the user.
             * @example 2
             */
            user_id: number;
        };
        /** @description A user. */
        User: {
            /** @description When the account was registered. */
            created_at: components["schemas"]["Time"];
            /** @description Null except on the caller's own row. */
            email: string | null;
            /**
             * Format: int64
             * @description Id of the account.
             * @example 1
             */
            id: number;
            /**
             * @description The account's name.
             * @example tom
             */
            username: string;
        };
        /** @description A user, with the last message between the caller and them. */
        UserWithChatInfo: components["schemas"]["User"] & {
            /** @description Text of that message; null if there is none. */
            last_message_content: string | null;
            /**
             * Format: int64
             * @description Id of its sender; null if there is none.
             */
            last_message_sender_id: number | null;
            last_message_timestamp: components["schemas"]["Time"] | null;
        };
        /** @description An earlier text of a message. */
        Version: {
            /** @description The text. */
            content: string;
            /** @description When the message got this text. */
            since: components["schemas"]["Time"];
        };
        /** @description `POST /v1/ws-ticket`. */
        WsTicket: {
            /**
             * Format: int32
             * @description Seconds until it expires.
             * @example 30
             */
            expires_in: number;
            /** @description Valid once, as `/ws?ticket=`. */
            ticket: string;
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
