/*
 * The commands of `pav`.  Each is a row of the table in main.c and one function
 * here: it gets its own arguments (argv[0] is the command's word), prints its
 * errors itself, and returns the exit status.
 */
#ifndef PAVANE_PAV_CMD_H
#define PAVANE_PAV_CMD_H

#define CMD_FAILED 1 /* it was tried and did not work */
#define CMD_USAGE  2 /* the command line makes no sense; main prints the usage line */

int cmd_unpack_kernel(int argc, char **argv);
int cmd_create(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_console(int argc, char **argv);
int cmd_lifecycle(int argc, char **argv); /* shutdown reboot pause resume destroy */
int cmd_disk_attach(int argc, char **argv);
int cmd_disk_detach(int argc, char **argv);
int cmd_dmesg(int argc, char **argv);
int cmd_why(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_census(int argc, char **argv);

#endif
