"""Estimates the faces of photographs by the million, on all cores or a Ray cluster, and writes Parquet tables."""

from facekit.cli import Parser, add_estimator_options, estimator_arguments, main
from facekit.core.lazy_imports import from_extra

parser = Parser(__doc__)
parser.add_argument(
    "sources",
    nargs="+",
    metavar="SOURCE",
    help="folder (with its subfolders), picture, pattern, .txt list, s3:// prefix, .tar shard or .parquet table",
)
parser.add_argument("--output", required=True, metavar="DIR", help="folder or s3://bucket/folder for the tables")
add_estimator_options(parser)
parser.add_argument("--column", metavar="NAME", help="of a table, with pictures or their paths")
parser.add_argument("--chips", action="store_true", help="also write the aligned chip of each face, as JPEG")
parser.add_argument("--features", action="store_true", help="also write the features of each face")
parser.add_argument("--address", metavar="ADDRESS", help="of a Ray cluster that runs (default: this machine alone)")
parser.add_argument("--workers", type=int, metavar="N", help="actors, a core each (default: one for each core)")
parser.add_argument("--overwrite", action="store_true", help="replace what a run with other settings wrote there")


def run() -> None:
    args = parser.parse_args()
    with from_extra("ray"):
        from facekit.batch.rows import BatchConfig
        from facekit.batch.run import run_batch
    from tqdm import tqdm

    config = BatchConfig(estimator_arguments(args), args.column, chips=args.chips, features=args.features)
    total = {"pictures": 0, "faces": 0, "failed": 0}
    with tqdm(desc="Pictures", unit="", disable=None) as bar:
        for counts in run_batch(
            args.sources,
            args.output,
            config,
            address=args.address,
            workers=args.workers,
            overwrite=args.overwrite,
        ):
            bar.update(counts["pictures"])
            total = {name: number + counts[name] for name, number in total.items()}
    if not total["pictures"]:
        return print(f"Nothing is left to do in {args.output}.")
    print(
        f"{total['pictures']:,} pictures, {total['faces']:,} faces, {total['failed']:,} could not be read; written to "
        f"{args.output}. All figures are estimates of appearance."
    )


if __name__ == "__main__":
    main(run, parser)
