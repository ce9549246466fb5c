/*
 * The operations of the protocol, in one table.
 *
 * op_handle() answers exactly one reply to every request: what was asked for, or an
 * error by name.  Who may ask and whether it can be part of a transaction come from
 * the table in op.c.
 */
#ifndef XENSTORE_LIKE_OP_H
#define XENSTORE_LIKE_OP_H

#include "xenstore-like/conn.h"
#include "xenstore-like/proto.h"

void op_handle(struct conn *c, const struct request *req);

/* "WRITE" and so on, for logs; "?" if unknown. */
const char *op_name(uint32_t type);

#endif
