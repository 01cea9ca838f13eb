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
        /** Lists the last message of each of the caller's conversations, newest first. */
        get: {
            parameters: {
                query?: {
                    /** @description Maximum number of entries, 1 to 1000. */
                    limit?: number;
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
                    /** @description Only messages with a smaller `seq`; without this and `after_seq`, the newest. */
                    before_seq?: number;
                    /** @description Only messages with a larger `seq`, oldest first; not together with `before_seq`. */
                    after_seq?: number;
                    /** @description Maximum number of entries, 1 to 200. */
                    limit?: number;
                    /** @description Only the replies in the thread of this message. */
                    thread_id?: number;
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
        /** Lists the groups of which the caller is a member. */
        get: {
            parameters: {
                query?: {
                    /** @description Only names in which a word begins with this, regardless of case and accents. */
                    q?: string;
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
        /** Lists a group's members; members only. */
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
         * Appends to a message that was sent with `streaming`; author only. A repeated piece gets the same answer again;
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
             * @description Who the token stands for.
             * @example 3
             */
            user_id: number;
        };
        /** @description A request to add a member. */
        AddMemberRequest: {
            /**
             * Format: int64
             * @description Whom to add.
             * @example 2
             */
            user_id: number;
        };
        /** @description A piece for a message that is being written. */
        AppendRequest: {
            /**
             * @description The text to add.
             * @example Once upon a time
             */
            content: string;
            /**
             * Format: int32
             * @description The length that the text has so far, in characters (Unicode code points).
             * @example 0
             */
            offset: number;
        };
        /** @description A piece that was added. */
        Appended: {
            /**
             * Format: int32
             * @description The length of the text now, in characters.
             */
            length: number;
            /**
             * Format: int64
             * @description To which message.
             */
            message_id: number;
            /**
             * Format: int64
             * @description The message's `rev` now.
             */
            rev: number;
        };
        /**
         * @description Whether news travels between the nodes of a cluster. Where it is `down` the node serves all the same: it reads from
         *     the database what happens at others, so that their messages come a little later, and their users' presence and
         *     typing not at all. The same where it is `none`.
         * @enum {string}
         */
        Bus: "up" | "down" | "none";
        /** @description A request to change the caller's password, which ends all tokens. */
        ChangePasswordRequest: {
            /**
             * Format: password
             * @description 8 to 128 characters.
             */
            new_password: string;
            /**
             * Format: password
             * @description The present one.
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
        /** @description A conversation. A frame about what concerns all members has no own part. */
        Conversation: (components["schemas"]["OwnPart"] | null) & {
            /** @description When it came into being. */
            created_at: components["schemas"]["Time"];
            /**
             * Format: int64
             * @description Of a group: its number.
             */
            group_id: number | null;
            /**
             * Format: int64
             * @description Its number.
             * @example 1
             */
            id: number;
            /**
             * @description `direct` or `group`.
             * @example direct
             */
            kind: string;
            /** @description The newest message; left out where it is not asked for. */
            last_message?: components["schemas"]["Message"];
            /**
             * Format: int64
             * @description The number of its last message.
             * @example 2
             */
            last_seq: number;
            /**
             * Format: int32
             * @description How many members it has.
             * @example 2
             */
            n_members: number;
            /** @description Of a group: its name. */
            name: string | null;
            /**
             * Format: int64
             * @description Of a group: who owns it.
             */
            owner_id: number | null;
            /**
             * Format: int64
             * @description Its count of changes.
             * @example 3
             */
            rev: number;
            /**
             * Format: int64
             * @description Of a direct one: the other side.
             */
            user_id: number | null;
        };
        /** @description A page of conversations, the one with the newest message first. */
        Conversations: {
            /** @description The conversations. */
            conversations: components["schemas"]["Conversation"][];
            /** @description Leads to the next page, as `?cursor=`; null on the last. */
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
        /** @description What a client of the caller has. */
        DeliveredRequest: {
            /**
             * Format: int64
             * @description The last message that the client has.
             * @example 2
             */
            seq: number;
        };
        /** @description An answer that only says that it is done. */
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
        /** @description One server that gave a message to its clients. */
        FanOut: {
            at: components["schemas"]["Time"] | null;
            /**
             * Format: int64
             * @description For how many connections.
             * @example 2
             */
            connections: number;
            /** @description Which server; null where there is one alone. */
            node: string | null;
        };
        /** @description The end of a message that was being written. */
        FinishRequest: {
            /** @description Whether it stays unfinished. */
            abandoned?: boolean;
            /** @description The whole text once more, if it is to be replaced. */
            content?: string | null;
        };
        /** @description Where a message is to be sent once more: exactly one of the three. */
        ForwardRequest: {
            /** @description The sender's key for the new message. */
            client_msg_id?: string | null;
            /**
             * Format: int64
             * @description Into a conversation.
             */
            conversation_id?: number | null;
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
        /** @description Where a forwarded message comes from. */
        Forwarded: {
            /**
             * Format: int64
             * @description The message that was forwarded.
             */
            message_id: number;
            /**
             * Format: int64
             * @description Who wrote it.
             */
            sender_id: number;
        };
        /** @description A group. */
        Group: {
            /** @description When it was created. */
            created_at: components["schemas"]["Time"];
            /**
             * Format: int64
             * @description The group's number.
             * @example 1
             */
            id: number;
            /**
             * @description Its name.
             * @example Cheese lovers
             */
            name: string;
            /**
             * Format: int64
             * @description Who owns it.
             * @example 1
             */
            owner_id: number;
        };
        /** @description A new group. */
        GroupCreated: {
            /**
             * Format: int64
             * @description The same number.
             * @example 1
             */
            group_id: number;
            /**
             * Format: int64
             * @description The group's number.
             * @example 1
             */
            id: number;
            /** @description `Group created successfully`. */
            message: string;
            /** @description The name, trimmed. */
            name: string;
            /**
             * Format: int64
             * @description Who owns it: the caller.
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
             * @description How many there are in this page.
             * @example 1
             */
            count: number;
            /** @description The messages. */
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
             * @description The account's number.
             * @example 1
             */
            user_id: number;
            /**
             * @description The account's name.
             * @example tom
             */
            username: string;
        };
        /** @description A request to log in: the password with one of the names. */
        LoginRequest: {
            /**
             * @description The address; or give `username`.
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
             * @description The name; or give `email`.
             * @example tom
             */
            username?: string | null;
        };
        /** @description A request to log out. */
        LogoutRequest: {
            /** @description Whether all tokens of the caller end, instead of the one that was sent. */
            everywhere?: boolean;
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
        /** @description A member of a group. */
        Member: {
            /**
             * Format: int64
             * @description The member's account.
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
        /** @description How far a member has come. */
        MemberReceipt: {
            /**
             * Format: int64
             * @description The last message that a client of the member has confirmed.
             */
            delivered_seq: number;
            /**
             * Format: int64
             * @description The last message that the member has read.
             */
            read_seq: number;
            /**
             * Format: int64
             * @description Who.
             * @example 2
             */
            user_id: number;
        };
        /** @description A message. */
        Message: {
            /** @description The key it was sent under, if any. */
            client_msg_id: string | null;
            /** @description Text; empty once it is deleted. */
            content: string;
            /**
             * Format: int64
             * @description The conversation it is in.
             * @example 1
             */
            conversation_id: number;
            /** @description An object of the application's own. */
            custom: Record<string, unknown> | null;
            deleted_at: components["schemas"]["Time"] | null;
            edited_at: components["schemas"]["Time"] | null;
            forwarded_from: components["schemas"]["Forwarded"] | null;
            /**
             * Format: int64
             * @description To which group; 0 in a P2P message.
             * @example 0
             */
            group_id: number;
            /**
             * Format: int64
             * @description The message's number, unique on the server.
             * @example 7
             */
            id: number;
            /** @description What is attached. */
            media: components["schemas"]["Media"][];
            /** @description Where the first media is; empty where none. */
            media_url: string;
            /** @description Whether it calls upon all members. */
            mention_all: boolean;
            /** @description The members it calls upon. */
            mentions: number[];
            pinned_at: components["schemas"]["Time"] | null;
            /**
             * Format: int64
             * @description Who pinned it.
             */
            pinned_by: number | null;
            quote: components["schemas"]["Quote"] | null;
            /** @description Reactions, the first used emoji first. */
            reactions: components["schemas"]["Reaction"][];
            /**
             * Format: int64
             * @description To which user; 0 in a group message.
             * @example 2
             */
            recipient_id: number;
            /**
             * Format: int64
             * @description The message it answers.
             */
            reply_to: number | null;
            /**
             * Format: int64
             * @description The conversation's count of changes when this message last changed.
             * @example 1
             */
            rev: number;
            /**
             * Format: int64
             * @description Who wrote it.
             * @example 1
             */
            sender_id: number;
            /**
             * Format: int64
             * @description Its place in the conversation: 1, 2, 3 … without gaps.
             * @example 1
             */
            seq: number;
            /**
             * @description P2P: `PENDING`, `DELIVERED` or `READ`; group: `SENT`.
             * @example DELIVERED
             */
            status: string;
            /** @description `growing`, `finished` or `abandoned`; null for messages that were whole from the start. */
            streaming: string | null;
            thread: components["schemas"]["ThreadSummary"] | null;
            /**
             * Format: int64
             * @description The root of the thread it is in.
             */
            thread_id: number | null;
            /** @description When the server accepted it. */
            timestamp: components["schemas"]["Time"];
            /**
             * @description `text`, `image`, `video`, `audio` or `file`.
             * @example text
             */
            type: string;
        };
        /** @description The way of one message: what is kept for good, and what the answering server still remembers. */
        MessageTrace: {
            /** @description When the server accepted it. */
            accepted_at: components["schemas"]["Time"];
            committed_at: components["schemas"]["Time"] | null;
            /**
             * @description Whether this is all there is to tell. False where the answering server has restarted or forgotten since, and always
             *     where there are several: each tells of what it saw itself.
             */
            complete: boolean;
            /**
             * Format: int64
             * @description Its conversation.
             * @example 1
             */
            conversation_id: number;
            /** @description Where it was given to clients that were connected; empty where the answering server remembers no more. */
            fanned_out: components["schemas"]["FanOut"][];
            /** @description How it reached those whom it was for, at most 200 of them: members of then who still are some, less its author. */
            members: components["schemas"]["TracedMember"][];
            /**
             * Format: int64
             * @description Which message.
             * @example 3
             */
            message_id: number;
            /**
             * Format: int64
             * @description The place of its making in the log of all changes.
             * @example 6
             */
            position: number;
            /**
             * Format: int64
             * @description Its place there.
             * @example 3
             */
            seq: number;
        };
        /** @description What a conversation is to one member alone. */
        OwnPart: {
            /** @description Put away. */
            archived: boolean;
            /** @description What the caller may do here. */
            capabilities: string[];
            /**
             * Format: int64
             * @description The last message that a client of the caller has confirmed.
             */
            delivered_seq: number;
            /** @description A text that the caller has begun. */
            draft: string | null;
            /** @description Marked as unread by hand. */
            marked_unread: boolean;
            /**
             * Format: int32
             * @description Those of them that mention the caller or all.
             */
            mentions: number;
            muted_until: components["schemas"]["Time"] | null;
            /** @description Kept at the top. */
            pinned: boolean;
            /**
             * Format: int64
             * @description The last message that the caller has read.
             */
            read_seq: number;
            /** @description `owner`, `admin` or `member`; null for somebody who is no member any more. */
            role: string | null;
            /**
             * Format: int32
             * @description Messages of others after that.
             */
            unread: number;
        };
        /** @description A password that was changed. */
        PasswordChanged: {
            /** @description `Password changed successfully`. */
            message: string;
            /** @description A JWT in place of those that ended. */
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
             * @description Whose.
             * @example 2
             */
            user_id: number;
        };
        /** @description A refusal. `error` and `detail` say the same; the first is for clients of the first hour. */
        Problem: {
            /**
             * @description Stable and meant for programs.
             * @example invalid_request
             */
            code: string;
            /** @description What was wrong, as a sentence. */
            detail: string;
            /**
             * @description The same sentence.
             * @example Invalid request format: username must be 3 to 32 characters
             */
            error: string;
            /** @description Names this request in the server's log. */
            request_id: string;
            /**
             * Format: int32
             * @description The HTTP status.
             * @example 400
             */
            status: number;
            /**
             * @description The status in words.
             * @example Bad Request
             */
            title: string;
            /** @description `about:blank`, since `code` says what kind of problem it is; or the registered type of a limit that was reached. */
            type: string;
            /** @description The limits that were reached, by name, where they are the problem. */
            "violated-policies"?: string[];
        };
        /** @description The message that another one answers, as it is now. */
        Quote: {
            /** @description At most 200 characters of its text; empty once it is deleted. */
            content: string;
            /** @description Whether it is deleted. */
            deleted: boolean;
            /**
             * Format: int64
             * @description Which message.
             */
            message_id: number;
            /**
             * Format: int64
             * @description Who wrote it.
             */
            sender_id: number;
        };
        /** @description An emoji under a message. */
        Reaction: {
            /**
             * Format: int32
             * @description How many used it.
             * @example 2
             */
            count: number;
            /**
             * @description The emoji.
             * @example 👍
             */
            emoji: string;
            /** @description Whether the caller is one of them. */
            me: boolean;
        };
        /** @description A member's reaction. */
        Reactor: {
            /** @description When. */
            at: components["schemas"]["Time"];
            /**
             * @description With what.
             * @example 👍
             */
            emoji: string;
            /**
             * Format: int64
             * @description Who.
             * @example 2
             */
            user_id: number;
        };
        /** @description How far the caller has come in a conversation, or in a thread of it. */
        ReadRequest: {
            /**
             * Format: int64
             * @description The last message that has been read.
             * @example 2
             */
            seq: number;
            /**
             * Format: int64
             * @description The thread's root, where it is a thread that was read.
             */
            thread_id?: number | null;
        };
        /** @description `GET /readyz`. */
        Readiness: {
            /** @description How news travels between this node of a cluster and the others; left out by a server that is alone. */
            bus?: components["schemas"]["Bus"];
            /**
             * Format: int64
             * @description How many milliseconds the clock of the server's machine is ahead of the database's, less than 0 where it is behind, as
             *     it was measured some seconds ago; left out where the database has no clock of its own (SQLite), or was not there then.
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
             * @description Unique without regard to case.
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
             * @description 3 to 32 characters that can be seen; unique without regard to case and looks.
             * @example spike
             */
            username: string;
        };
        /** @description A new account. */
        Registered: {
            /** @description The address as it is kept. */
            email: string;
            /**
             * Format: int64
             * @description The account's number.
             * @example 3
             */
            id: number;
            /** @description `User registered successfully`. */
            message: string;
            /** @description A JWT for the new account. */
            token: string;
            /** @description The name as it is kept and shown. */
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
        /** @description A message to be sent: `content`, `media_url` or `media`, or several of them. */
        SendRequest: {
            /** @description The sender's key for this message: a retry under the same key gets the first result, and another message is refused (`key_reused`). */
            client_msg_id?: string | null;
            /**
             * @description Text, at most 16 KiB.
             * @example Hello, Jerry!
             */
            content?: string | null;
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
            /** @description `text`, `image`, `video`, `audio` or `file`; where absent, that of the first media, else `text`. */
            type?: string | null;
        };
        /** @description A message that is stored. */
        Sent: {
            /** @description The key it was sent under, if any. */
            client_msg_id: string | null;
            /**
             * Format: int64
             * @description The conversation it is in.
             * @example 1
             */
            conversation_id: number;
            /** @description Whether this is the first result of an earlier request with the same key. */
            duplicate: boolean;
            /**
             * Format: int64
             * @description The message's number.
             * @example 7
             */
            id: number;
            /** @description What was done, in words. */
            message: string;
            /**
             * Format: int64
             * @description The conversation's count of changes at this message.
             * @example 1
             */
            rev: number;
            /**
             * Format: int64
             * @description Its place in the conversation: 1, 2, 3 … without gaps.
             * @example 1
             */
            seq: number;
            /**
             * @description As in the message object.
             * @example PENDING
             */
            status: string;
            /** @description When the server accepted it. */
            timestamp: components["schemas"]["Time"];
            /**
             * @description As in the message object.
             * @example text
             */
            type: string;
        };
        /** @description What the caller changes of their own part; what is left out stays. */
        StateRequest: {
            /** @description Put away or back. */
            archived?: boolean | null;
            /** @description Leave a draft; null to take it away. */
            draft?: string | null;
            /** @description Mark as unread, or take the mark away. */
            marked_unread?: boolean | null;
            muted_until?: components["schemas"]["Time"] | null;
            /** @description Keep at the top or not. */
            pinned?: boolean | null;
        };
        /** @description A thread as the caller sees it; its replies are read from the conversation with `thread_id`. */
        Thread: {
            /**
             * Format: int64
             * @description The last reply that the caller has read.
             */
            read_seq: number;
            /** @description Its root. */
            root: components["schemas"]["Message"];
            /**
             * Format: int32
             * @description Replies of others after that.
             */
            unread: number;
        };
        /** @description What a thread's root tells of its replies. */
        ThreadSummary: {
            /** @description When the last one was sent. */
            last_reply_at: components["schemas"]["Time"];
            /**
             * Format: int32
             * @description How many there are.
             * @example 2
             */
            replies: number;
        };
        /** Format: date-time */
        Time: string;
        /** @description What waits for the caller. */
        Totals: {
            /**
             * Format: int32
             * @description Conversations in which something waits.
             * @example 2
             */
            conversations: number;
            /**
             * Format: int32
             * @description Those of them that mention the caller or all.
             * @example 1
             */
            mentions: number;
            /**
             * Format: int32
             * @description Unread messages in conversations that are not muted.
             * @example 3
             */
            unread: number;
        };
        /** @description How a message reached a member. */
        TracedMember: {
            /** @description Whether a client of the member has confirmed it. */
            delivered: boolean;
            delivered_at: components["schemas"]["Time"] | null;
            /** @description Whether the member has read it. */
            read: boolean;
            read_at: components["schemas"]["Time"] | null;
            /**
             * Format: int64
             * @description Who.
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
             * @description The account's number.
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
            /** @description The message's text; null where the two have not written to each other. */
            last_message_content: string | null;
            /**
             * Format: int64
             * @description Who sent it.
             */
            last_message_sender_id: number | null;
            last_message_timestamp: components["schemas"]["Time"] | null;
        };
        /** @description A text that a message had before. */
        Version: {
            /** @description The text. */
            content: string;
            /** @description Since when it had that. */
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
            /** @description To be used once, as `/ws?ticket=`. */
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
