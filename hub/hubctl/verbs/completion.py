"""hubctl completion bash | zsh | fish"""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion for a shell.

    Tab then completes verbs, options and nodes' names.

    \b
    Examples:
      hubctl completion bash > ~/.local/share/bash-completion/completions/hubctl
      hubctl completion zsh > ~/.zfunc/_hubctl
      hubctl completion fish > ~/.config/fish/completions/hubctl.fish
    """
    program = ctx.find_root().command
    completion = get_completion_class(shell)
    click.echo(completion(program, {}, "hubctl", "_HUBCTL_COMPLETE").source())
