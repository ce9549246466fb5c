/* In place of the pages that lwIP's web server has built in: none. */
#ifndef PAVANE_DRV_LWIP_NOFILES_H
#define PAVANE_DRV_LWIP_NOFILES_H

#define FS_ROOT ((const struct fsdata_file *)0)

#endif
