"""`python -m benchmarks`: both benchmarks with their default sizes (`--quick`: small ones, to see that they run)."""

import click

from benchmarks.latency import latency
from benchmarks.throughput import throughput


@click.command()
@click.option("--quick", is_flag=True, help="small sizes, one run")
@click.option("--save", is_flag=True, help="write benchmarks/results/ and the tables in docs/performance.md")
def main(*, quick: bool, save: bool) -> None:
    """Run the throughput and the latency benchmark."""
    small = ["--runs", "1", "--events", "100000", "--plain-events", "10000"] if quick else []
    short = ["--runs", "1", "--seconds", "5"] if quick else []
    saving = ["--save"] if save else []
    throughput.main([*small, *saving], standalone_mode=False)
    latency.main([*short, *saving], standalone_mode=False)


if __name__ == "__main__":
    main()
