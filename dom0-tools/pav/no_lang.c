/* Stands in for the language in builds made without config/lang: such a pav reads domains as JSON only. */
#include "config/lang/lang.h"

struct lang_file *lang_read(const char *file, const struct lang_param *params, size_t nparams,
			    FILE *err)
{
	(void)params;
	(void)nparams;
	fprintf(err,
		"%s: this pav was built without the .pav language; describe the domain as JSON (--json)\n",
		file);
	return NULL;
}

void lang_free(struct lang_file *f)
{
	(void)f;
}

struct domspec *lang_domains(struct lang_file *f)
{
	(void)f;
	return NULL;
}

void lang_print_normal(const struct lang_file *f, FILE *out)
{
	(void)f;
	(void)out;
}
